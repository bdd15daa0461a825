//! Tells others of new questions: a signed POST to an address of the configuration, as Standard Webhooks 1.0 describes
//! it (<https://www.standardwebhooks.com>).
//!
//! Whoever tells never waits: notices stand in a bounded queue, and one that finds it full is dropped and counted.

mod notice;
mod signature;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;
use wiretape_approval::Petition;

use crate::clock::unix_nanos;
use crate::limits::{NOTICE_TIME_MAX, NOTICE_TRIES_MAX, NOTICES_AT_ONCE_MAX, NOTICES_PENDING_MAX};
use crate::metrics::{Family, Kind, Sample};
use notice::Notice;
use signature::Signer;

/// Whom to tell, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where notices go: `https://`, or `http://` on the gateway's own host.
    pub url: String,
    /// What signs them: `whsec_` and base64, or any other text of at least 16 bytes.
    pub secret: SecretString,
    /// Where people find the API: what a notice links to begins with it; without it notices link to nothing.
    pub office_url: Option<String>,
    /// The authorities that the receiver's certificate is checked by, as PEM; those of the system where there are none.
    pub ca_pem: Option<Vec<u8>>,
    /// How long to wait before the second try; four times as long before each further one.
    pub patience: Duration,
}

impl Settings {
    /// Tells `url`, signed by `secret`.
    #[must_use]
    pub fn new(url: String, secret: SecretString) -> Self {
        Self { url, secret, office_url: None, ca_pem: None, patience: Duration::from_secs(1) }
    }

    /// Whether they are of use, but for the secret.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> anyhow::Result<()> {
        address(&self.url)?;
        if let Some(url) = &self.office_url {
            office(url)?;
        }
        self.authorities().map(|_| ())
    }

    /// The authorities that are named; none where those of the system count.
    fn authorities(&self) -> anyhow::Result<Vec<Certificate>> {
        let Some(pem) = &self.ca_pem else { return Ok(Vec::new()) };
        let found = Certificate::from_pem_bundle(pem).context("the webhook's ca is no PEM file of certificates")?;
        ensure!(!found.is_empty(), "the webhook's ca holds no certificate");
        Ok(found)
    }
}

/// Tells others of new questions.
#[derive(Clone)]
pub struct Webhook {
    queue: Sender<Notice>,
    counts: Arc<Counts>,
    office_url: Option<String>,
}

/// What became of notices.
#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Webhook {
    /// Starts to tell; has to be called within a runtime. It ends when the last clone is dropped.
    ///
    /// # Errors
    /// When the settings are of no use.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        settings.check()?;
        let url = Url::parse(&settings.url)?;
        let signer = Signer::new(&settings.secret)?;
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(NOTICE_TIME_MAX)
            .user_agent(concat!("wiretape/", env!("CARGO_PKG_VERSION")));
        if settings.ca_pem.is_some() {
            client = client.tls_certs_only(settings.authorities()?);
        }
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let client = client.build().context("the webhook cannot be made")?;
        let (queue, notices) = channel(NOTICES_PENDING_MAX);
        let counts = Arc::new(Counts::default());
        let messenger = Messenger { client, url, signer, patience: settings.patience, counts: Arc::clone(&counts) };
        tokio::spawn(work(Arc::new(messenger), notices));
        Ok(Self { queue, counts, office_url: settings.office_url })
    }

    /// Tells of a question, soon. Never waits.
    pub fn tell(&self, petition: &Petition) {
        let notice = Notice::of(petition, self.office_url.as_deref(), unix_nanos());
        if self.queue.try_send(notice).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(question = %petition.id, "the webhook was not told: too many notices wait already");
        }
    }

    /// What became of notices.
    #[must_use]
    pub fn figures(&self) -> Family {
        let sample = |outcome: &str, count: &AtomicU64| Sample {
            labels: vec![("outcome", outcome.to_owned())],
            value: count.load(Ordering::Relaxed) as f64,
        };
        Family {
            name: "wiretape_webhook_notices_total",
            help: "Notices of new questions, by what became of them.",
            kind: Kind::Counter,
            samples: vec![
                sample("delivered", &self.counts.delivered),
                sample("failed", &self.counts.failed),
                sample("dropped", &self.counts.dropped),
            ],
        }
    }
}

/// Whether `url` leads to the gateway's own host.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn address(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).context("the webhook's url is none")?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => bail!("the webhook's url has to begin with https:// (http:// will do on this host alone)"),
    }
}

/// What people's browsers and programs open: a path may stand in it, nothing behind that.
fn office(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).context("the webhook's office_url is no URL")?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    ensure!(
        matches!(url.scheme(), "https" | "http") && url.has_host() && plain && url.password().is_none(),
        "the webhook's office_url is an address such as https://gateway.example.com:8080"
    );
    Ok(url)
}

/// Takes notices off the queue, a few at once.
async fn work(messenger: Arc<Messenger>, mut notices: Receiver<Notice>) {
    let places = Arc::new(Semaphore::new(NOTICES_AT_ONCE_MAX));
    while let Some(notice) = notices.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let messenger = Arc::clone(&messenger);
        tokio::spawn(async move {
            messenger.deliver(&notice).await;
            drop(place);
        });
    }
}

/// Brings notices to where they go.
struct Messenger {
    client: Client,
    url: Url,
    signer: Signer,
    patience: Duration,
    counts: Arc<Counts>,
}

/// What became of one try.
enum Outcome {
    Delivered,
    /// It may be tried again.
    Failed(String),
    /// It is of no use to try again.
    Unwanted(String),
}

impl Messenger {
    /// Tries until it is delivered, there were enough tries, or the question is dead.
    async fn deliver(&self, notice: &Notice) {
        let mut wait = self.patience;
        for turn in 1..=NOTICE_TRIES_MAX {
            let problem = match self.attempt(notice).await {
                Outcome::Delivered => {
                    self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Outcome::Unwanted(problem) => {
                    tracing::warn!(question = notice.id(), "the webhook does not take notices: {problem}");
                    break;
                }
                Outcome::Failed(problem) => problem,
            };
            tracing::warn!(question = notice.id(), turn, "the webhook was not told: {problem}");
            // A place is not kept by what will not be tried again: others wait for it.
            if turn == NOTICE_TRIES_MAX || notice.is_over(after(unix_nanos(), wait)) {
                break;
            }
            sleep(jittered(wait)).await;
            wait = wait.saturating_mul(4);
        }
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
    }

    async fn attempt(&self, notice: &Notice) -> Outcome {
        let seconds = unix_nanos() / 1_000_000_000;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", notice.message_id())
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", self.signer.sign(&notice.message_id(), seconds, notice.body()))
            .body(notice.body().to_owned());
        // The address may hold what is secret: it is in no message. What is answered is not read.
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Outcome::Delivered,
            Ok(StatusCode::GONE) => Outcome::Unwanted("410 Gone".to_owned()),
            Ok(status) => Outcome::Failed(format!("it answered {status}")),
            Err(error) => Outcome::Failed(error.without_url().to_string()),
        }
    }
}

/// The time `wait` after `unix_nanos`.
fn after(unix_nanos: u64, wait: Duration) -> u64 {
    unix_nanos.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
}

/// As long as `wait` and up to a quarter longer, so that many do not come back at one moment.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0; 1];
    // Without random bytes they come back together.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    wait.saturating_add(wait.saturating_mul(u32::from(random)) / 1024)
}
