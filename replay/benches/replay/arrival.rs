//! When each output of a player arrives, as the kernel sees it.

use std::fs::File;
use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// How long the reader sleeps while stamped outputs wait for it: it must not wake when they arrive.
const NAP: Duration = Duration::from_millis(100);

/// What waits for the reader during a nap and more.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Both ends of a terminal.
fn terminal() -> anyhow::Result<(OwnedFd, File)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal = File::options().read(true).write(true).open(name.to_str()?)?;
    Ok((master, terminal))
}

/// Runs a player whose standard output is a socket, and returns the kernel's stamp on each of its outputs, as time on
/// the clock. Each output has one carriage return, and what a player adds of its own has none.
pub(crate) fn stamp(command: &Command, count: usize) -> anyhow::Result<Vec<Duration>> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&receiver, ReceiveTimestampns, &true)?;
    setsockopt(&receiver, RcvBuf, &BUFFER_BYTES)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(receiver.local_addr()?)?;
    let (_person, terminal) = terminal()?;
    // In a session of its own: a player that looks for its terminal finds that one, and nobody presses keys there.
    let mut session = Command::new("setsid");
    session.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
    session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = session
        .stdin(terminal)
        .stdout(Stdio::from(OwnedFd::from(sender)))
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let mut arrivals = Vec::with_capacity(count);
    loop {
        let ended = child.try_wait()?;
        while let Some((outputs, at)) = receive(&receiver)? {
            arrivals.extend(std::iter::repeat_n(at, outputs));
        }
        if let Some(status) = ended {
            ensure!(status.success(), "the player failed: {status}");
            return Ok(arrivals);
        }
        sleep(NAP);
    }
}

/// The next thing that a player wrote: how many outputs it is, and when the kernel took it; `None` when there is none.
fn receive(receiver: &UdpSocket) -> anyhow::Result<Option<(usize, Duration)>> {
    let mut buffer = [0; 65_536];
    let mut control = cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message = match recvmsg::<()>(receiver.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
        Ok(message) => message,
        Err(Errno::EAGAIN) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let length = message.bytes;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    let outputs = buffer.iter().take(length).filter(|byte| **byte == b'\r').count();
    Ok(Some((outputs, stamp.context("the kernel stamps nothing")?)))
}
