//! One SSH channel of one side: what is taken from its outlet is written, what it says is told to the line.
//!
//! Both sides do this alike: the client's channels and the upstream's differ only in the library's message type.

use std::time::Duration;

use russh::{ChannelId, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use wiretape_core::{Lane, Side};
use wiretape_ssh::{Message, OpenFailure, Request};

use crate::line::Line;
use crate::outlet::OutletQueue;

/// What accepts or rejects a channel that the peer asked for.
pub(crate) enum Opening {
    /// The client asked.
    Client(russh::server::ChannelOpenHandle),
    /// The upstream asked.
    Upstream(russh::client::ChannelOpenHandle),
    /// The gateway asked, and the peer has accepted.
    Done,
}

impl Opening {
    async fn accept(self) {
        match self {
            Self::Client(reply) => reply.accept().await,
            Self::Upstream(reply) => reply.accept().await,
            Self::Done => {}
        }
    }

    async fn reject(self, reason: ChannelOpenFailure) {
        match self {
            Self::Client(reply) => reply.reject(reason).await,
            Self::Upstream(reply) => reply.reject(reason).await,
            Self::Done => {}
        }
    }
}

/// One channel, from its opening on.
pub(crate) struct Channel<S: From<(ChannelId, ChannelMsg)>> {
    pub(crate) line: Line,
    pub(crate) lane: Lane,
    pub(crate) write: ChannelWriteHalf<S>,
    /// Sends an `exit-signal`, which only a server can.
    pub(crate) exit_signal: Option<russh::server::Handle>,
    /// Whether a program runs on it, whose exit status is told to this side.
    pub(crate) program: bool,
}

/// How long the end of a program's output waits for the program's exit status.
///
/// A client that has both ends of file closes the channel, and the library confirms that at once: an exit status that
/// comes a moment later finds no channel any more. Servers send the two in either order, so the end waits for the status.
/// A program that closes its output and goes on is the exception that the limit is for.
const EXIT_STATUS_TIME_MAX: Duration = Duration::from_secs(1);

impl<S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static> Channel<S> {
    /// Writes what the outlet holds until the channel closes, the peer leaves, or the session ends.
    pub(crate) async fn serve(self, mut opening: Opening, mut queue: OutletQueue) {
        let mut ending = false;
        loop {
            let next = if ending {
                match tokio::time::timeout(EXIT_STATUS_TIME_MAX, queue.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        ending = false;
                        if self.write.eof().await.is_err() {
                            break;
                        }
                        continue;
                    }
                }
            } else {
                queue.next().await
            };
            let parcel = match next {
                Ok(Some(parcel)) => parcel,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!("lane {}: what waited to be sent cannot be read back: {error}", self.lane);
                    break;
                }
            };
            if self.line.kept(parcel.event).await.is_err() {
                // It was not recorded, so it does not leave; the farewell behind it does.
                continue;
            }
            let last = matches!(parcel.message, Message::Close { .. } | Message::Rejected { .. });
            let held = std::mem::take(&mut ending);
            // The status goes first, the end of the output right behind it.
            let status = matches!(parcel.message, Message::Request { .. });
            if held && !status && self.write.eof().await.is_err() {
                break;
            }
            match parcel.message {
                Message::Eof { .. } if self.program => ending = true,
                Message::Opened { .. } => std::mem::replace(&mut opening, Opening::Done).accept().await,
                Message::Rejected { reason, .. } => {
                    std::mem::replace(&mut opening, Opening::Done).reject(open_failure(reason)).await;
                }
                message => {
                    // A peer that closed its channel grants no more window: do not wait for it.
                    let written = tokio::select! {
                        biased;
                        () = queue.abandoned() => break,
                        written = self.write(message) => written,
                    };
                    if written.is_err() || (held && status && self.write.eof().await.is_err()) {
                        break;
                    }
                }
            }
            if last {
                break;
            }
        }
    }

    async fn write(&self, message: Message) -> Result<(), russh::Error> {
        match message {
            Message::Data { error: false, bytes, .. } => self.write.data_bytes(bytes).await,
            Message::Data { error: true, bytes, .. } => self.write.extended_data_bytes(1, bytes).await,
            Message::Eof { .. } => self.write.eof().await,
            Message::Close { .. } => self.write.close().await,
            Message::Request { request, want_reply, .. } => self.request(request, want_reply).await,
            Message::Open { .. }
            | Message::Opened { .. }
            | Message::Rejected { .. }
            | Message::Answer { .. }
            | Message::Listen { .. }
            | Message::Listening { .. } => Ok(()),
        }
    }

    async fn request(&self, request: Request, want_reply: bool) -> Result<(), russh::Error> {
        let write = &self.write;
        match request {
            Request::Pty { term, size, modes } => {
                let modes: Vec<(Pty, u32)> = modes
                    .into_iter()
                    .filter_map(|(code, value)| Some((Pty::from_u8(code)?, value)))
                    .filter(|(code, _)| *code != Pty::TTY_OP_END)
                    .collect();
                write
                    .request_pty(want_reply, &term, size.columns, size.rows, size.width_px, size.height_px, &modes)
                    .await
            }
            Request::WindowChange { size } => {
                write.window_change(size.columns, size.rows, size.width_px, size.height_px).await
            }
            Request::Env { name, value } => {
                write.set_env(want_reply, name, String::from_utf8_lossy(&value).into_owned()).await
            }
            Request::Shell => write.request_shell(want_reply).await,
            Request::Exec { command } => write.exec(want_reply, command).await,
            Request::Subsystem { name } => write.request_subsystem(want_reply, name).await,
            Request::Signal { name } => write.signal(signal(&name)).await,
            Request::Agent => write.agent_forward(want_reply).await,
            Request::ExitStatus { status } => write.exit_status(status).await,
            Request::ExitSignal { name, core_dumped, message } => {
                if let Some(handle) = &self.exit_signal {
                    let told = handle
                        .exit_signal_request(write.id(), signal(&name), core_dumped, message, String::new())
                        .await;
                    if told.is_err() {
                        return Err(russh::Error::SendError);
                    }
                }
                Ok(())
            }
        }
    }
}

/// Tells the line what a channel says, until it closes. Used where the library delivers messages in a queue.
pub(crate) async fn listen(line: Line, side: Side, lane: Lane, mut read: ChannelReadHalf) {
    while let Some(message) = read.wait().await {
        let message = match message {
            ChannelMsg::Data { data } => Message::Data { lane, error: false, bytes: data },
            ChannelMsg::ExtendedData { data, ext: 1 } => Message::Data { lane, error: true, bytes: data },
            ChannelMsg::Eof => Message::Eof { lane },
            ChannelMsg::Close => Message::Close { lane },
            ChannelMsg::Success => Message::Answer { lane, accepted: true },
            ChannelMsg::Failure => Message::Answer { lane, accepted: false },
            ChannelMsg::ExitStatus { exit_status } => {
                Message::Request { lane, request: Request::ExitStatus { status: exit_status }, want_reply: false }
            }
            ChannelMsg::ExitSignal { signal_name, core_dumped, error_message, .. } => Message::Request {
                lane,
                request: Request::ExitSignal {
                    name: signal_name_of(&signal_name),
                    core_dumped,
                    message: error_message,
                },
                want_reply: false,
            },
            // Windows are each side's own, and XON/XOFF is a hint that no client uses.
            _ => continue,
        };
        let closing = matches!(message, Message::Close { .. });
        line.say(side, message);
        if closing {
            line.abandon(side, lane);
            return;
        }
        line.room(side, lane).await;
        if line.is_closed() {
            return;
        }
    }
    line.abandon(side, lane);
}

/// The library's word for why a channel was not opened.
pub(crate) fn open_failure(reason: OpenFailure) -> ChannelOpenFailure {
    match reason {
        OpenFailure::AdministrativelyProhibited => ChannelOpenFailure::AdministrativelyProhibited,
        OpenFailure::ConnectFailed => ChannelOpenFailure::ConnectFailed,
        OpenFailure::UnknownChannelType => ChannelOpenFailure::UnknownChannelType,
        OpenFailure::ResourceShortage => ChannelOpenFailure::ResourceShortage,
    }
}

/// Our word for why the peer did not open a channel.
pub(crate) fn open_failure_of(reason: &ChannelOpenFailure) -> OpenFailure {
    match reason {
        ChannelOpenFailure::ConnectFailed => OpenFailure::ConnectFailed,
        ChannelOpenFailure::UnknownChannelType => OpenFailure::UnknownChannelType,
        ChannelOpenFailure::ResourceShortage => OpenFailure::ResourceShortage,
        ChannelOpenFailure::AdministrativelyProhibited | ChannelOpenFailure::Other { .. } => {
            OpenFailure::AdministrativelyProhibited
        }
    }
}

/// The library's word for a signal (RFC 4254 section 6.10).
fn signal(name: &str) -> Sig {
    match name {
        "ABRT" => Sig::ABRT,
        "ALRM" => Sig::ALRM,
        "FPE" => Sig::FPE,
        "HUP" => Sig::HUP,
        "ILL" => Sig::ILL,
        "INT" => Sig::INT,
        "KILL" => Sig::KILL,
        "PIPE" => Sig::PIPE,
        "QUIT" => Sig::QUIT,
        "SEGV" => Sig::SEGV,
        "TERM" => Sig::TERM,
        "USR1" => Sig::USR1,
        other => Sig::Custom(other.to_owned()),
    }
}

/// The name of a signal (RFC 4254 section 6.10).
pub(crate) fn signal_name_of(signal: &Sig) -> String {
    match signal {
        Sig::ABRT => "ABRT",
        Sig::ALRM => "ALRM",
        Sig::FPE => "FPE",
        Sig::HUP => "HUP",
        Sig::ILL => "ILL",
        Sig::INT => "INT",
        Sig::KILL => "KILL",
        Sig::PIPE => "PIPE",
        Sig::QUIT => "QUIT",
        Sig::SEGV => "SEGV",
        Sig::TERM => "TERM",
        Sig::USR1 => "USR1",
        Sig::Custom(name) => name,
    }
    .to_owned()
}
