//! Packs that are not what they say.
