"""The programs the real run is made of, built from one pinned list of Go modules (go.mod, made by regen.sh)."""
