//! What updates do to refs.
