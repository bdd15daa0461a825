//! Processes as the kernel tells of them: which belong to a stage, and how much memory they hold.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The environment variable by which every process of a stage, and what it starts, is known.
pub const TAG: &str = "WIRETAPE_STAGE";

/// Rounds of ending processes before giving up: each round may find what was started during the last one.
const ROUNDS_MAX: usize = 50;

/// The numbers of all processes.
fn all() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is there");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The fields of `/proc/<number>/stat` after the name, which may have anything in it: state, parent, …
fn stat(number: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn parent(number: i32) -> Option<i32> {
    stat(number)?.get(1)?.parse().ok()
}

fn is_gone(number: i32) -> bool {
    stat(number).is_none_or(|fields| fields.first().is_none_or(|state| state == "Z" || state == "X"))
}

/// The processes that carry the tag of the stage in `folder`, and all that descend from them; without this one.
#[must_use]
pub fn of_stage(folder: &Path) -> BTreeSet<i32> {
    let tag = format!("{TAG}={}\0", folder.display()).into_bytes();
    let own = i32::try_from(std::process::id()).expect("a process number");
    let all: Vec<i32> = all().into_iter().filter(|number| *number != own && !is_gone(*number)).collect();
    let tagged = |number: &i32| {
        std::fs::read(format!("/proc/{number}/environ"))
            .is_ok_and(|environment| environment.windows(tag.len()).any(|window| window == tag))
    };
    let mut found: BTreeSet<i32> = all.iter().copied().filter(tagged).collect();
    loop {
        let more: Vec<i32> = all
            .iter()
            .copied()
            .filter(|number| !found.contains(number) && parent(*number).is_some_and(|parent| found.contains(&parent)))
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Ends every process of the stage in `folder`.
pub fn end_stage(folder: &Path) {
    for _ in 0..ROUNDS_MAX {
        let left = of_stage(folder);
        if left.is_empty() {
            return;
        }
        for number in left {
            signal(number, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    eprintln!("processes of {} would not end: {:?}", folder.display(), of_stage(folder));
}

/// Sends `signal` to the process `number`; one that is gone is no error.
pub fn signal(number: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(number) {
        let _ = kill_process(pid, signal);
    }
}

/// The descendants of process `number` whose command line has `word` in it.
#[must_use]
pub fn below(number: i32, word: &str) -> Vec<i32> {
    let all = all();
    let mut family = BTreeSet::from([number]);
    while let Some(more) =
        all.iter().find(|number| !family.contains(number) && parent(**number).is_some_and(|p| family.contains(&p)))
    {
        family.insert(*more);
    }
    family.remove(&number);
    family.into_iter().filter(|number| command_line(*number).contains(word)).collect()
}

/// The command line of process `number`, its arguments joined by spaces.
#[must_use]
pub fn command_line(number: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
}

/// What the kernel says in `/proc/<number>/status` of `field`, in KiB.
fn memory_kib(number: i32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{number}/status")).expect("the process runs");
    let line = text.lines().find(|line| line.starts_with(field)).expect("the kernel tells of memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

/// Memory that process `number` holds now, in KiB.
#[must_use]
pub fn resident_kib(number: i32) -> u64 {
    memory_kib(number, "VmRSS:")
}

/// The most memory that process `number` ever held, in KiB.
#[must_use]
pub fn resident_peak_kib(number: i32) -> u64 {
    memory_kib(number, "VmHWM:")
}

/// Processor seconds that process `number` has used, its threads together.
#[must_use]
pub fn processor_seconds(number: i32) -> f64 {
    // Fields 14 and 15 of the line, counted from 1; the first two are cut off. The kernel tells in hundredths.
    let fields = stat(number).expect("the process runs");
    let ticks =
        |field: usize| fields.get(field).and_then(|field| field.parse::<f64>().ok()).expect("a number of ticks");
    (ticks(11) + ticks(12)) / 100.0
}
