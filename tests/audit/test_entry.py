from autoscaler.audit.entry import Entry


def test_a_row_can_be_made_a_record_of_its_own() -> None:
    assert Entry("web", 1.0, changed=True, body=b"whole").record() == b"whole"
    assert Entry("web", 1.0, changed=False, body=b"row", joins=0.0, whole=lambda: b"whole").record() == b"whole"
