//! The command: real processes, pipes and signals.
