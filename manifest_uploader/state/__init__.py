"""Remembers what all runs did: events in one append-only file, and the history they add up to.

For other packages:

- `events`: the classes of events, `AnyEvent`, `Failure`, `OpenUpload` and `event_json`
- `steps`: `StepId` and `StepKind`, which step an event is about
- `history`: `History`, `CaseHistory`, `SocketHistory`, `UploadHistory` and `EMPTY`; `fold`,
  `Folding` and `after` make them from events
- `standing`: `Standing`, `standing_of`, `CaseStanding`, `case_standing`, where a case stands
- `ledger`: `Ledger`, which records and folds the events of a run
- `file`: `Binding`, `Stored`, `read`, `stream`, `check` and `Tail`, to read a state file
- `lock`: `held`, `holder_of`, `Holder`, which keep a second run out
- `receipts`: `Receipt`, `Receipts` and `read`, the hashes of uploaded files
"""
