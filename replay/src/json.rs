//! Sessions and events as JSON, for programs.
//!
//! An event is one object: `number` (from 0), `at_ns` (nanoseconds since the session opened), `side`, `lane`, `kind`
//! (`family.word`, see `docs/EVENTS.md`), then what belongs to its kind. Payload stands as `text` when it is UTF-8 and
//! as `base64` otherwise; any other field of bytes, such as `path`, is called `path_base64` when it is not UTF-8, and an
//! item of a list is then an object with the field `base64`.
//!
//! Of HTTP a field is an object with `name` and `value`, and with `concealed_bytes` where a credential stood behind the
//! value; content stands as it was sent, packed or not.
//!
//! Of a database session values are decoded for reading: a value is a string, or null; one that was sent in binary is
//! the text that PostgreSQL would have written of it, or its bytes as `\x…` when its type is not known. For that the
//! lines of one session belong together: [`Lines`] remembers which columns rows have.

mod event;
mod git;
mod http;
mod object;
mod query;
mod session;

pub use event::Lines;
pub use object::Object;
pub use session::{report, session};
