//! The commands of those who answer questions: `wiretape approvals`, `wiretape approve`, `wiretape refuse`.

mod api;
mod shown;

use anyhow::{Context, bail};
use clap::Args;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiretape_replay::command::print;
use wiretape_replay::json::Object;

use api::Api;

use crate::approvals::{Question, Questions};

/// Where the gateway is when nobody says so.
const GATEWAY: &str = "http://127.0.0.1:8080";

/// The variable with a token that stands in for a login.
const TOKEN: &str = "WIRETAPE_TOKEN";

/// Finds the login that is kept on this machine: for the gateway that is named, or for the only one. Returns the
/// gateway's address and a token for it.
pub trait Kept: FnOnce(Option<&str>) -> anyhow::Result<(String, SecretString)> {}

impl<T: FnOnce(Option<&str>) -> anyhow::Result<(String, SecretString)>> Kept for T {}

/// Which gateway. Who asks it is whoever is logged in, or has the token in `WIRETAPE_TOKEN`.
#[derive(Args, Clone, Debug)]
pub struct GatewayArgs {
    /// The gateway's API; http://127.0.0.1:8080 where nothing is said and no login is kept.
    #[arg(long, env = "WIRETAPE_GATEWAY", value_name = "URL")]
    gateway: Option<String>,
    /// PEM file of the authorities that the gateway's certificate is checked by.
    #[arg(long, env = "WIRETAPE_CA", value_name = "FILE")]
    ca: Option<std::path::PathBuf>,
}

/// List the questions that wait: one's own, and those that one may answer.
#[derive(Args, Clone, Debug)]
pub struct ApprovalsArgs {
    /// With those that ended lately.
    #[arg(long)]
    all: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Approve what somebody waits for.
#[derive(Args, Clone, Debug)]
pub struct ApproveArgs {
    /// The question, as `wiretape approvals` names it.
    id: String,
    /// For the rest of the session that asks: whatever the same rule asks there again.
    #[arg(long, conflicts_with = "span")]
    session: bool,
    /// For a span of time, such as 30m: whatever the same rule asks the same principal about the same target again.
    #[arg(long = "for", value_name = "SPAN")]
    span: Option<String>,
    /// Why; it is recorded.
    #[arg(long, default_value = "")]
    why: String,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Refuse what somebody waits for.
#[derive(Args, Clone, Debug)]
pub struct RefuseArgs {
    /// The question, as `wiretape approvals` names it.
    id: String,
    /// Why; it is recorded, and whoever waits is told.
    #[arg(long, default_value = "")]
    why: String,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

impl GatewayArgs {
    fn api(&self, kept: impl Kept) -> anyhow::Result<Api> {
        // In the environment alone: what stands on a command line is seen by everybody on the machine.
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let (gateway, token) = match token {
            Some(token) => (self.gateway.clone().unwrap_or_else(|| GATEWAY.to_owned()), SecretString::from(token)),
            None => kept(self.gateway.as_deref())
                .with_context(|| format!("there is no login to ask the gateway with, and no token in {TOKEN}"))?,
        };
        let ca = match &self.ca {
            Some(path) => Some(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?),
            None => None,
        };
        Api::new(&gateway, token, ca.as_deref())
    }
}

impl ApprovalsArgs {
    /// Prints the questions.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or does not answer.
    pub fn run(&self, kept: impl Kept) -> anyhow::Result<()> {
        let path = if self.all { "/v1/approvals?ended=true" } else { "/v1/approvals" };
        let answer = self.gateway.api(kept)?.get(path)?;
        if self.json {
            print(&format!("{}\n", harmless(answer)))?;
            return Ok(());
        }
        let questions: Questions = serde_json::from_value(answer).context("that is no list of questions")?;
        if questions.approvals.is_empty() {
            print("No question waits.\n")?;
        }
        let shown: Vec<_> = questions.approvals.iter().map(shown::question).collect();
        Ok(print(&shown.join("\n"))?)
    }
}

impl ApproveArgs {
    /// Approves, and prints the question as it stands then.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or the approval does not count.
    pub fn run(&self, kept: impl Kept) -> anyhow::Result<()> {
        let scope = match &self.span {
            Some(span) => json!({ "minutes": minutes(span)? }),
            None if self.session => json!("session"),
            None => json!("once"),
        };
        let body = json!({ "scope": scope, "why": self.why });
        answer(&self.gateway, kept, &self.id, "approve", &body, self.json)
    }
}

impl RefuseArgs {
    /// Refuses, and prints the question as it stands then.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or the refusal does not count.
    pub fn run(&self, kept: impl Kept) -> anyhow::Result<()> {
        answer(&self.gateway, kept, &self.id, "refuse", &json!({ "why": self.why }), self.json)
    }
}

fn answer(
    gateway: &GatewayArgs,
    kept: impl Kept,
    id: &str,
    verb: &str,
    body: &Value,
    as_json: bool,
) -> anyhow::Result<()> {
    // It becomes a part of the path.
    if id.is_empty() || !id.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        bail!("a question is named by letters and digits; `wiretape approvals` lists them");
    }
    let answer = gateway.api(kept)?.post(&format!("/v1/approvals/{id}/{verb}"), body)?;
    if as_json {
        print(&format!("{}\n", harmless(answer)))?;
        return Ok(());
    }
    let question: Question = serde_json::from_value(answer).context("that is no question")?;
    Ok(print(&shown::question(&question))?)
}

/// A span of time in minutes, rounded up.
fn minutes(span: &str) -> anyhow::Result<u64> {
    let nanos =
        wiretape_replay::timecode::parse(span).map_err(|error| anyhow::anyhow!("--for {span}: {error}"))?.as_nanos();
    let minutes = nanos.div_ceil(60_000_000_000);
    if !(1..=1440).contains(&minutes) {
        bail!("--for {span}: an approval reaches from a minute to a day");
    }
    Ok(minutes)
}

/// JSON that a terminal does not act on.
fn harmless(value: Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut object = Object::default();
            for (name, value) in fields {
                object.put(&name, value);
            }
            object.finish()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn spans_are_minutes_of_at_most_a_day() {
        for (span, expected) in [("30m", 30), ("2h", 120), ("90s", 2), ("24h", 1440)] {
            assert_eq!(minutes(span).unwrap(), expected, "{span}");
        }
        for span in ["0m", "25h", "", "soon", "-5m"] {
            assert!(minutes(span).is_err(), "{span}");
        }
    }
}
