//! What went wrong elsewhere does not go wrong here; each test says what it was.
