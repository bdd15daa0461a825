//! Where packs stand in what was said.

use super::packet::{Packet, Packets};

/// What the client of a push says: commands, options, and behind them the pack as it is (gitprotocol-pack(5)).
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    packets: Packets,
    stage: Stage,
    options: bool,
    report: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Commands,
    Options,
    Pack,
    /// Nothing that is understood here.
    Lost,
}

impl Sent {
    /// Takes in what the client said next, and returns the end of it that belongs to the pack.
    pub(crate) fn feed<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
        loop {
            match self.stage {
                Stage::Pack => return bytes,
                Stage::Lost => return &[],
                Stage::Commands | Stage::Options => {}
            }
            match self.packets.next(&mut bytes) {
                None => return &[],
                Some(Packet::Flush) if self.stage == Stage::Commands && self.options => self.stage = Stage::Options,
                Some(Packet::Flush) => self.stage = Stage::Pack,
                Some(Packet::Data(line)) if self.stage == Stage::Commands => self.note_capabilities(&line),
                Some(Packet::Data(_)) => {}
                Some(Packet::Mark | Packet::Other(_)) => self.stage = Stage::Lost,
            }
        }
    }

    /// Whether the client asked for a report of what becomes of the push.
    pub(crate) fn wants_report(&self) -> bool {
        self.report
    }

    /// The first command says what the client can do, behind a NUL.
    fn note_capabilities(&mut self, line: &[u8]) {
        let Some(place) = line.iter().position(|byte| *byte == 0) else { return };
        let named = line.get(place + 1..).unwrap_or_default();
        for name in named.split(|byte| byte.is_ascii_whitespace()) {
            match name {
                b"push-options" => self.options = true,
                b"report-status" | b"report-status-v2" => self.report = true,
                _ => {}
            }
        }
    }
}

/// What the target of a fetch says: lines, and among them packs, in side band 1 or, where none was agreed on, as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    packets: Packets,
    bare: bool,
    lost: bool,
}

impl Received {
    /// Takes in what the target said next, and gives what belongs to packs to `take`.
    ///
    /// # Errors
    /// What `take` fails with.
    pub(crate) fn feed<E>(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while !self.bare && !self.lost {
            match self.packets.next(&mut bytes) {
                None => return Ok(()),
                Some(Packet::Data(line)) => {
                    if let Some((1, part)) = line.split_first() {
                        take(part)?;
                    }
                }
                Some(Packet::Other(start)) if start == *b"PACK" => {
                    self.bare = true;
                    take(&start)?;
                }
                Some(Packet::Other(_)) => self.lost = true,
                Some(Packet::Flush | Packet::Mark) => {}
            }
        }
        if self.bare && !bytes.is_empty() { take(bytes) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{Received, Sent};

    fn line(data: &[u8]) -> Vec<u8> {
        [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
    }

    fn sent(said: &[u8], step: usize) -> Vec<u8> {
        let mut sent = Sent::default();
        said.chunks(step).flat_map(|run| sent.feed(run).to_vec()).collect()
    }

    fn received(said: &[u8], step: usize) -> Vec<u8> {
        let (mut received, mut pack) = (Received::default(), Vec::new());
        for run in said.chunks(step) {
            let taken: Result<(), Infallible> = received.feed(run, |part| {
                pack.extend_from_slice(part);
                Ok(())
            });
            assert_eq!(taken, Ok(()));
        }
        pack
    }

    #[test]
    fn the_pack_of_a_push_begins_behind_commands_and_options() {
        let command =
            |capabilities: &str| line(format!("{} {} main\0{capabilities}", "0".repeat(40), "1".repeat(40)).as_bytes());
        let plain = [command(" report-status"), b"0000PACK0004".to_vec()].concat();
        let with_options =
            [command(" push-options"), b"0000".to_vec(), line(b"ci.skip"), b"0000PACK0004".to_vec()].concat();
        let certified = [
            line(b"shallow 1111"),
            line(b"push-cert\0push-options"),
            line(b"certificate version 0.1\n"),
            line(b"push-cert-end\n"),
            b"0000".to_vec(),
            b"0000PACK0004".to_vec(),
        ]
        .concat();
        for said in [plain, with_options, certified] {
            for step in 1..said.len() {
                assert_eq!(sent(&said, step), b"PACK0004");
            }
        }
        assert_eq!(sent(b"0000", 1), b"");
        assert_eq!(sent(b"no pkt-line at all", 3), b"");
    }

    #[test]
    fn the_pack_of_a_fetch_stands_in_a_band_or_as_it_is() {
        let banded = [
            line(b"packfile\n"),
            line(b"\x02Counting\r"),
            line(b"\x01PAC"),
            b"0001".to_vec(),
            line(b"\x01K0"),
            b"0000".to_vec(),
        ]
        .concat();
        let bare = [line(b"NAK\n"), b"PACK0".to_vec()].concat();
        for said in [banded, bare] {
            for step in 1..said.len() {
                assert_eq!(received(&said, step), b"PACK0");
            }
        }
        assert_eq!(received(b"what is this", 5), b"");
    }
}
