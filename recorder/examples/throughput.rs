//! How fast the recorder is beside plain zstd.
//!
//! For text as servers log it and for random bytes, each in events of 32 KiB: the recorder, from the first append to
//! the end of `finish`, with the tape on the disk; one zstd stream of level 1 in this process, written to a file; and
//! `zstd -1` where it is installed. The rounds alternate, so that a busy machine is busy for all; medians are compared.
//!
//! `cargo run --release -p wiretape-recorder --example throughput [megabytes] [rounds] [folder]`

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use wiretape_core::event::StreamEvent;
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side};
use wiretape_recorder::{Archive, Durability, Settings, Store, Tape, verify};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

const EVENT_BYTES: usize = 32 * 1024;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: usize = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let parent = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let folder = parent.join(format!("wiretape-throughput-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, megabytes * 1024 * 1024, rounds);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path, bytes: usize, rounds: usize) -> Outcome<()> {
    let installed = Command::new("zstd").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    println!("{} MiB in events of {} KiB, {rounds} rounds, medians", bytes >> 20, EVENT_BYTES >> 10);
    for (name, input) in [("log lines", log_lines(bytes)), ("random bytes", noise(bytes))] {
        let input = Bytes::from(input);
        let plain = folder.join("plain");
        fs::write(&plain, &input)?;
        File::open(&plain)?.sync_all()?;
        let mut seconds: [Vec<f64>; 4] = Default::default();
        let mut sizes = [0; 4];
        for round in 0..rounds {
            let mut note = |place: usize, (taken, size): (f64, u64)| {
                if let (Some(seconds), Some(entry)) = (seconds.get_mut(place), sizes.get_mut(place)) {
                    seconds.push(taken);
                    *entry = size;
                }
            };
            note(0, recorded(folder, round, &input, true)?);
            note(1, recorded(folder, round, &input, false)?);
            note(2, streamed(folder, &input)?);
            if installed {
                note(3, by_program(folder, &plain)?);
            }
        }
        println!("{name}");
        let names = ["recorder, synced", "recorder, not synced", "one zstd stream in process", "zstd -1"];
        let medians = seconds.map(|mut seconds| {
            seconds.sort_by(f64::total_cmp);
            seconds.get(seconds.len() / 2).copied()
        });
        for ((name, median), size) in names.iter().zip(medians).zip(sizes) {
            let Some(median) = median else { continue };
            let rate = bytes as f64 / median / 1e6;
            let shrunk = bytes as f64 / size as f64;
            print!("  {name:<28} {rate:>7.0} MB/s   shrunk to 1/{shrunk:.2}");
            for (place, other) in [(2, "stream"), (3, "zstd -1")] {
                if let Some(Some(theirs)) = medians.get(place) {
                    print!("   {:.2} of {other}", theirs / median);
                }
            }
            println!();
        }
    }
    keystrokes(folder)
}

/// Small events: what one costs the session that appends it, and what it costs on the tape.
fn keystrokes(folder: &Path) -> Outcome<()> {
    const EVENTS: u32 = 1_000_000;
    let data_dir = folder.join("data");
    let store = Store::open(&data_dir, Settings::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut numbers = Numbers(3);
    let started = Instant::now();
    let (appending, summary) = runtime.block_on(async {
        let recording = store.begin(SessionId::from_bytes([7; 16]), 0, Durability::Queued)?;
        let mut appending = Duration::ZERO;
        for number in 0..u64::from(EVENTS) {
            let word = numbers.next();
            let event = Event {
                at: Moment::from_nanos(number * 100_000_000 + word % 50_000_000),
                side: Side::Upstream,
                lane: Lane(1),
                kind: Kind::Stream(StreamEvent::Data {
                    error: false,
                    bytes: Bytes::from_static(b"-rw-r--r-- 1 ana\r\n"),
                }),
            };
            recording.room().await?;
            let before = Instant::now();
            recording.append(event)?;
            appending += before.elapsed();
        }
        Ok::<_, Box<dyn Error>>((appending, recording.finish().await?))
    })?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\nsmall events\n  {:.0} ns an append, {:.2} million events a second, {:.1} bytes an event on the tape",
        appending.as_nanos() as f64 / f64::from(EVENTS),
        f64::from(EVENTS) / seconds / 1e6,
        summary.tape_bytes as f64 / f64::from(EVENTS),
    );
    drop(store);
    fs::remove_dir_all(data_dir)?;
    Ok(())
}

/// The recorder: seconds and bytes on disk.
fn recorded(folder: &Path, round: usize, input: &Bytes, sync: bool) -> Outcome<(f64, u64)> {
    let data_dir = folder.join("data");
    let store = Store::open(&data_dir, Settings { sync, ..Settings::default() })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut id = [u8::from(sync); 16];
    for (place, byte) in id.iter_mut().zip(round.to_be_bytes()) {
        *place = byte;
    }
    let started = Instant::now();
    let summary = runtime.block_on(async {
        let recording = store.begin(SessionId::from_bytes(id), 0, Durability::Queued)?;
        let mut rest = input.clone();
        while !rest.is_empty() {
            let bytes = rest.split_to(rest.len().min(EVENT_BYTES));
            recording.room().await?;
            recording.append(Event {
                at: Moment::from_nanos(u64::try_from(started.elapsed().as_nanos())?),
                side: Side::Upstream,
                lane: Lane(1),
                kind: Kind::Stream(StreamEvent::Data { error: false, bytes }),
            })?;
        }
        Ok::<_, Box<dyn Error>>(recording.finish().await?)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    drop(store);
    if sync && round == 0 {
        read_back(&data_dir, summary.id, input.len())?;
    }
    fs::remove_dir_all(data_dir)?;
    Ok((seconds, summary.tape_bytes))
}

/// How fast the tape is read and verified.
fn read_back(data_dir: &Path, id: SessionId, bytes: usize) -> Outcome<()> {
    let path = Archive::open(data_dir)?.tape_path(&id);
    let started = Instant::now();
    for event in Tape::open(&path)?.events() {
        event?;
    }
    let reading = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let verdict = verify(&path)?.verdict;
    let verifying = started.elapsed().as_secs_f64();
    let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
    println!("\nread back at {:.0} MB/s, verified at {:.0} MB/s: {verdict:?}", rate(reading), rate(verifying));
    Ok(())
}

/// One zstd stream, fed with the same pieces and written to a file.
fn streamed(folder: &Path, input: &Bytes) -> Outcome<(f64, u64)> {
    let path = folder.join("stream.zst");
    let name = |code| zstd_safe::get_error_name(code);
    let started = Instant::now();
    let mut file = File::create(&path)?;
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(1)).map_err(name)?;
    let mut packed = Vec::with_capacity(CCtx::out_size());
    let mut pieces = input.chunks(EVENT_BYTES).peekable();
    while let Some(piece) = pieces.next() {
        let directive =
            if pieces.peek().is_none() { ZSTD_EndDirective::ZSTD_e_end } else { ZSTD_EndDirective::ZSTD_e_continue };
        let mut from = InBuffer::around(piece);
        loop {
            packed.clear();
            let mut to = OutBuffer::around(&mut packed);
            let left = context.compress_stream2(&mut to, &mut from, directive).map_err(name)?;
            file.write_all(&packed)?;
            let ended = directive != ZSTD_EndDirective::ZSTD_e_end || left == 0;
            if from.pos() == piece.len() && ended {
                break;
            }
        }
    }
    drop(file);
    let seconds = started.elapsed().as_secs_f64();
    let size = fs::metadata(&path)?.len();
    fs::remove_file(path)?;
    Ok((seconds, size))
}

/// The program `zstd`, from file to file.
fn by_program(folder: &Path, plain: &Path) -> Outcome<(f64, u64)> {
    let path = folder.join("program.zst");
    let started = Instant::now();
    let status = Command::new("zstd").args(["-1", "-q", "-f", "-o"]).arg(&path).arg(plain).status()?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err("zstd -1 failed".into());
    }
    let size = fs::metadata(&path)?.len();
    fs::remove_file(path)?;
    Ok((seconds, size))
}

/// Bytes that no compressor shrinks (splitmix64).
fn noise(bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        noise.extend_from_slice(&numbers.next().to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// Lines as a web server logs them.
fn log_lines(bytes: usize) -> Vec<u8> {
    const METHODS: [&str; 4] = ["GET", "GET", "POST", "DELETE"];
    const PATHS: [&str; 6] = ["/api/v1/orders", "/api/v1/customers", "/healthz", "/static/app.js", "/login", "/search"];
    const AGENTS: [&str; 3] =
        ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "okhttp/4.12.0"];
    let mut numbers = Numbers(7);
    let mut pick = |of: u64| numbers.next() % of;
    let mut lines = Vec::with_capacity(bytes + 512);
    let mut millis = 0;
    while lines.len() < bytes {
        millis += pick(40);
        let (method, path, agent) = (pick(4), pick(6), pick(3));
        let named = |names: &[&'static str], place: u64| {
            usize::try_from(place).ok().and_then(|place| names.get(place).copied()).unwrap_or_default()
        };
        let _ = writeln!(
            lines,
            "10.{}.{}.{} - - [22/Nov/2026:{:02}:{:02}:{:02}.{:03} +0000] \"{} {}/{} HTTP/1.1\" {} {} \"-\" \"{}\" rt={}.{:03}",
            pick(4),
            pick(256),
            pick(256),
            millis / 3_600_000 % 24,
            millis / 60_000 % 60,
            millis / 1000 % 60,
            millis % 1000,
            named(&METHODS, method),
            named(&PATHS, path),
            pick(100_000),
            if pick(20) == 0 { 404 } else { 200 },
            pick(50_000),
            named(&AGENTS, agent),
            pick(3),
            pick(1000),
        );
    }
    lines.truncate(bytes);
    lines
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
