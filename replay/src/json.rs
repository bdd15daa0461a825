//! Sessions and events as JSON, for programs.
//!
//! An event is one object: `number` (from 0), `at_ns` (nanoseconds since the session opened), `side`, `lane`, `kind`
//! (`family.word`, see `docs/EVENTS.md`), then what belongs to its kind. Payload stands as `text` when it is UTF-8 and
//! as `base64` otherwise; any other field of bytes, such as `path`, is called `path_base64` when it is not UTF-8.

mod event;
mod object;
mod query;
mod session;

pub use event::event;
pub use object::Object;
pub use session::{report, session};
