//! Which gateway a command is about.

use clap::Args;

use super::home::Home;

/// Which gateway.
#[derive(Args, Clone, Debug)]
pub struct GatewayArgs {
    /// The gateway's API, such as `https://gateway.example.com:8080`. Not needed when there is one login only.
    #[arg(long, env = "WIRETAPE_GATEWAY", value_name = "URL")]
    pub(super) gateway: Option<String>,
}

impl GatewayArgs {
    /// What is kept of its login.
    pub(super) fn home(&self) -> anyhow::Result<Home> {
        Home::of(self.gateway.as_deref())
    }
}
