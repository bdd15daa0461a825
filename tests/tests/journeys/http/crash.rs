//! The gateway dies, or can no longer record: what was promised is on the tape, and nothing passes unrecorded.

use std::path::{Path, PathBuf};

use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::configuration::Target;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::program::Program;
use wiretape_tests::random;
use wiretape_tests::record::{Record, Session};
use wiretape_tests::stage::wait_until;
use wiretape_tests::web::{OWN_NAMES, Road, Web};

const OPTIONS: [&str; 2] = ["--http1.1", "--http2"];

/// What the target said in the newest exchange of `session`, as far as its tape goes.
fn heard(session: &Session) -> Vec<u8> {
    session.events().exchanges().pop().map_or_else(Vec::new, |exchange| exchange.response.content)
}

#[test]
fn what_the_client_saw_is_on_the_tape_after_kill_9() {
    for record in ["written", "synced"] {
        for option in OPTIONS {
            let mut web = Web::with(|_, _, configuration| {
                configuration.target("plain").set(&format!("record = {record:?}"));
            });
            let url = web.url(Road::Reverse, "plain");
            let client = web.curl(Road::Reverse).args([option, "--no-buffer"]);
            let client = client.arg(format!("{url}/events?count=100000&pause=1")).start();
            client.wait_bytes(20_000);
            web.gateway.kill();
            let seen = client.finish();
            assert_ne!(seen.code(), 0);
            let cut = web.gateway.record().sessions().remove(0);
            let taped = heard(&cut);
            assert!(
                taped.starts_with(&seen.stdout),
                "{record}: {} were seen, {} are taped",
                seen.stdout.len(),
                taped.len()
            );
            assert!(cut.verified().coded(2).text().contains("unsealed tail"));
            web.restart(|_| {});
            let sessions = web.gateway.record().sessions();
            assert_eq!((sessions[0].id(), sessions[0].state()), (cut.id(), "cut off"));
            web.curl(Road::Reverse).arg(web.url(Road::Reverse, "plain") + "/text").succeed();
            assert_eq!(web.gateway.record().ended(2)[0].state(), "closed");
        }
    }
}

/// A gateway whose data folder is a file system of its own, so small that it is soon full; before an nginx.
struct SmallDisk {
    nginx: Nginx,
    web: Web,
    /// The data folder, as it is seen from outside of the gateway's mount namespace.
    data: PathBuf,
}

impl SmallDisk {
    const SIZE: &str = "6m";

    fn new(record: &str) -> Self {
        let mut nginx = None;
        let mut web = Web::with(|folder, _, configuration| {
            let authority = Authority::of(folder.path(), "authority");
            let started = Nginx::web(folder, "nginx", &authority.issue("nginx", &OWN_NAMES));
            let _digest = random::file(&started.files().join("bulk"), 50_000_000);
            let url = format!("http://{}", started.addresses()[0]);
            configuration.targets.push(Target::web("web", &url).line(&format!("record = {record:?}")));
            nginx = Some(started);
        });
        web.gateway.finish();
        let configuration = Configuration { data_dir: web.folder.make("small"), ..web.gateway.configuration.clone() };
        let script = "mount -t tmpfs -o size=\"$1\" wiretape \"$2\" && shift 2 && exec \"$@\"";
        let folder = configuration.data_dir.display().to_string();
        let wrap = |program: &Path| {
            let unshare = Program::new("unshare").args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
            unshare.args([Self::SIZE, &folder]).arg(program)
        };
        web.gateway = Gateway::start_by(&web.folder, configuration, wrap);
        let inside = Path::new("/proc").join(web.gateway.number().to_string()).join("root");
        Self { nginx: nginx.expect("it was started"), web, data: inside.join(folder.trim_start_matches('/')) }
    }

    /// curl to the gateway, which shows its certificate where nobody looks: in the small file system.
    fn curl(&self, option: &str) -> Program {
        let own = format!("Authorization: Bearer {}", self.web.token.secret);
        let curl = self.web.folder.program("curl").args(["--silent", "--show-error", "--insecure", option]);
        curl.args(["--header", &own, "--write-out", "\n%{http_code}"])
    }

    fn lets_nothing_pass(&self, option: &str) {
        let said = self.curl(option).arg(self.web.url(Road::Reverse, "web") + "/short").finish().text();
        assert!(!said.contains("0123456789abcdef"), "{said}");
        assert!(said.ends_with("\n503") || said.ends_with("\n000"), "{said}");
        assert!(self.web.gateway.runs());
    }
}

#[test]
fn a_full_disk_ends_what_can_no_longer_be_recorded() {
    for option in OPTIONS {
        for (record, up) in [("queued", false), ("queued", true), ("written", false), ("synced", false)] {
            let disk = SmallDisk::new(record);
            let url = disk.web.url(Road::Reverse, "web");
            let bulk = disk.nginx.files().join("bulk");
            let finished = if up {
                disk.curl(option).arg("--upload-file").arg(&bulk).arg(format!("{url}/upload/bulk")).finish()
            } else {
                disk.curl(option).arg(format!("{url}/bulk")).finish()
            };
            assert!(finished.code() != 0 || finished.text().ends_with("\n503"), "{option} {record} {up}");
            assert!(!disk.nginx.files().join("upload/bulk").exists(), "the target got what could not be recorded");
            let record_of = Record::of(&disk.data);
            wait_until("a session that is over", || {
                record_of.sessions().iter().all(|session| session.state() != "live")
            });
            if record != "queued" && !up {
                let taped = heard(&record_of.sessions().remove(0));
                let seen = &finished.stdout[..finished.stdout.len() - "\n200".len()];
                assert!(taped.starts_with(seen), "{option} {record}: {} seen, {} taped", seen.len(), taped.len());
            }
            disk.lets_nothing_pass(option);
        }
    }
}
