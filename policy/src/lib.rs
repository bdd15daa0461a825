//! What may pass, as Cedar policies say: compiled, sliced for each session, and asked.
