//! Cases: transcripts of a conversation, with what the gateway does at each turn.
//!
//! ```text
//! # Anything behind a hash is for the reader.
//! wire scp upload
//! rule ask "risky" risk elders            a guard: resources that hold the word
//! rule refuse "secret" policy "no"
//!
//! client "hello\n" u8 1 u32 7 str "path"  what is said: text, numbers, strings with their length,
//! client [ OPEN u32 7 ]                   packets with theirs, SFTP's packet types by name
//! client { Query text "select 1" }        PostgreSQL's messages, with texts that a zero byte ends
//! client < text more "hel" >              WebSocket's frames, masked where the client says them
//! client pkt "done\n" band 1 "PACK" flush   git's pkt-lines, in a side band, and those without a payload (flush, delim)
//! client repeat 32768 "x"
//! end client
//! answer allow                            to the oldest question
//! answer refuse policy "no"
//! waiting "who is asked"                  people are asked about the oldest question
//! close admin "time is up"
//!     note …                              indented: what is recorded,
//!     send upstream as said               what is sent,
//!     ask, close                          who is asked, and why it ends
//! ```
//!
//! A turn can go on in the next line behind a backslash. With `WIRETAPE_CASES=write` in the environment, what really
//! happened is written into the cases: read the difference before you keep it.

mod database;
mod git;
mod lfs;
mod script;
mod types;
mod words;

pub(crate) use script::{Case, Line};
pub(crate) use words::told;
