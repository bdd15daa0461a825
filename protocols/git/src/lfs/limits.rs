//! Limits of messages of Git LFS beside those of the core; units last.

/// How deep the JSON of a message is looked into.
pub(super) const JSON_DEPTH_MAX: usize = 32;

/// Values in the JSON of a message: a batch of five thousand objects has a hundred thousand.
pub(super) const JSON_NODES_MAX: usize = 200_000;

/// Objects that one event names.
pub(super) const OBJECTS_PER_EVENT_MAX: usize = 1000;

/// The name of an object, an operation or a ref, as far as it is recorded.
pub(super) const NAME_BYTES_MAX: usize = 256;
