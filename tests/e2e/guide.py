"""Somebody who types what a page of the documentation says, line after line, into a real cluster.

Two things are played, since no node here runs containers: `kubectl exec` runs its command here, with the account, the
variables and the spool of the program, and so do the pods of `helm test`, with theirs.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.processes import Process, free_port
from tests.e2e.release import NAME, Release
from tests.pages import ROOT, typed

SOON = 60.0
"""Seconds within which what a page says comes true; a person would type the line again."""
OF_THE_TEST = {"app.kubernetes.io/name": "helm-test"}
ENDLESS = ("--follow", "-f", "run")


class Guide:
    """Works in `folder`, where the repository's folders are; `release` is what the page's own Helm installs.

    `instead` has what stands for a word of the pages here, such as the address of a broker.
    """

    def __init__(
        self, cluster: Cluster, release: Release, folder: Path, instead: Mapping[str, str] | None = None
    ) -> None:
        self.cluster, self.release, self.folder = cluster, release, folder
        self._instead = dict(instead or {})
        self._values = folder / "of-this-machine.json"
        self._values.write_text(json.dumps(release.values))
        for name in ("charts", "examples"):
            (folder / name).symlink_to(ROOT / name)
        self._environment = self._home(folder / "home")

    def follow(self, page: str, *, failing: Mapping[str, str] | None = None, without: Sequence[str] = ()) -> str:
        """Type every line of the page, each of which prints something; all of that.

        Those lines with a word of `failing` must fail and say what stands there, and those that begin with one of
        `without` are left out.
        """
        expected = dict(failing or {})
        printed = []
        for words in typed(ROOT / page):
            line = " ".join(words)
            if line.startswith(tuple(without)):
                continue
            complaint = next((expected.pop(part) for part in list(expected) if part in line), "")
            told = eventually(SOON, functools.partial(self._came_true, words, complaint), line)
            printed.append(f"$ {line}\n{told}")
        assert not expected, "the page has no such line"
        return "\n".join(printed)

    def type(self, *words: str) -> str:
        """What one line prints; AssertionError with its complaint when it fails."""
        done = self._run(words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _came_true(self, words: Sequence[str], complaint: str) -> str:
        """What it printed, once it ended as it should."""
        done = self._run(words)
        told = done.stdout + done.stderr
        assert (done.returncode != 0) == bool(complaint), told
        assert complaint in told, told
        return told

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        words = [self._here(word) for word in words]
        match words:
            case ["kubectl", *_] if "exec" in words:
                return self._in_the_pod(words[words.index("--") + 1 :])
            case ["helm", "test", *_]:
                return self._helm_test(words)
            case ["helm", verb, *_] if NAME in words:
                done = self._plain([*words, f"--values={self._values}"] if verb == "upgrade" else words)
                self.release.stop()
                if verb == "upgrade" and done.returncode == 0:
                    self.release.start()
                return done
            case ["autoscaler", *_] if not {*ENDLESS}.isdisjoint(words):
                return self._for_a_while(words)
        return self._plain(words)

    def _here(self, word: str) -> str:
        for there, here in self._instead.items():
            word = word.replace(there, here)
        home = self._environment["HOME"]
        return f"{home}{word[1:]}" if word.startswith("~/") else word

    def _plain(self, words: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=150, check=False, cwd=self.folder,
            env=self._environment | variables,
        )  # fmt: skip

    def _in_the_pod(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        config = self.cluster.plane.kubeconfig("program", token=self._token(NAME))
        return self._plain(words, **self.release.variables(), KUBECONFIG=str(config))

    def _for_a_while(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Until it has said something; it must not end by itself."""
        log = self.folder / "endless.log"
        log.unlink(missing_ok=True)
        own = {"AUTOSCALER_AUDIT_SPOOL_DIR": str(self.folder / "own-spool"), "AUTOSCALER_SECURE_PORT": str(free_port())}
        process = Process("endless", ["env", f"--chdir={self.folder}", *words], log, self._environment | own)
        try:
            eventually(SOON, lambda: process.output() or not process.running(), "it says something")
            code = 0 if process.running() else 1
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, code, process.output(), "")

    def _helm_test(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Helm waits for the end of each of its pods, which is that of its command."""
        test = Process("helm-test", words, self.folder / "helm-test.log", self._environment)
        complaints = ""
        try:
            while pods := eventually(SOON, lambda: self._test_pods() or not test.running(), "a pod, or the end"):
                if pods is True:
                    break
                for path, pod in pods:
                    complaints += self._play(path, pod)
        finally:
            test.kill()
        code = 1 if complaints or "Phase:          Succeeded" not in test.output() else 0
        return subprocess.CompletedProcess(words, code, test.output(), complaints)

    def _test_pods(self) -> Sequence[tuple[str, Object]]:
        """Those that kwok has taken up (later it does nothing to them) and that have not ended."""
        pods = f"/api/v1/namespaces/{self.release.namespace}/pods"
        return [
            (f"{pods}/{pod['metadata']['name']}", pod)
            for pod in self.cluster.admin.get(pods)["items"]
            if OF_THE_TEST.items() <= pod["metadata"]["labels"].items() and pod["status"]["phase"] == "Running"
        ]

    def _play(self, path: str, pod: Object) -> str:
        """Run its command, and tell the API server how it ended; the complaint of one that failed."""
        done = self.release.completed(pod)
        phase = "Succeeded" if done.returncode == 0 else "Failed"
        self.cluster.admin.patch(f"{path}/status", {"status": {"phase": phase}})
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def _token(self, account: str) -> str:
        return self.cluster.token(self.release.namespace, account)

    def _home(self, home: Path) -> dict[str, str]:
        """Variables of somebody with these tools, this cluster, and what a trial on loopback needs of us."""
        programs = home / "bin"
        programs.mkdir(parents=True)
        for name in ("kubectl", "helm"):
            (programs / name).symlink_to(self.cluster.tools / name)
        for name in ("autoscaler", "kubectl-hps"):
            (programs / name).symlink_to(Path(sys.executable).with_name(name))
        (home / ".kube").mkdir()
        shutil.copy(self.cluster.plane.kubeconfig("admin"), home / ".kube/config")
        return {
            "HOME": str(home),
            "PATH": f"{programs}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),  # this tree, whatever else is installed
            "AUTOSCALER_KUBELET_ALLOW_LOOPBACK": "true",
            "AUTOSCALER_KUBELET_CERTIFICATE_AUTHORITY": str(self.cluster.pki.kubelets_ca),
            "AUTOSCALER_AUDIT_SPOOL_DIR": str(self.release.spool),
        }
