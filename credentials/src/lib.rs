//! The targets' own secrets: where they are kept, how they are fetched, and for how long.
