"""The tests; `tests/` mirrors `src/lastack/`, helpers are imported as `tests.ROOM.helper`."""
