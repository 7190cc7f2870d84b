//! Which gateway is meant, and who asks.

use crate::{client::Client, failure::Failure};
use clap::Args;
use reqwest::{Certificate, redirect};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// The token where no file has it. Never an argument: every user of the system could read that.
const TOKEN: &str = "GATEWAY_OTA_TOKEN";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The gateway answers within 90 s, and its feed shows every 20 s that it is there.
const LONGEST_SILENCE: Duration = Duration::from_secs(100);

/// The gateway of this machine, from its configuration.
#[derive(Debug, Clone)]
pub struct Local {
    pub url: Url,
    pub gateway: String,
}

/// Options of every command that speaks with a gateway.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Address of the gateway, as https://gateway.example:3000. Without it: the gateway of this machine.
    #[arg(long, env = "GATEWAY_OTA_URL", value_name = "URL")]
    pub url: Option<Url>,
    /// Its id; must be given with --url, so that no order reaches another gateway.
    #[arg(long, env = "GATEWAY_OTA_GATEWAY", value_name = "ID")]
    pub gateway: Option<String>,
    /// File with the token of a session, which `login` writes. Without it: the variable GATEWAY_OTA_TOKEN.
    #[arg(long, env = "GATEWAY_OTA_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file with who may sign the gateway's certificate. Without it: whom this system trusts.
    #[arg(long, env = "GATEWAY_OTA_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Print what the gateway answered, as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Target {
    /// A client that has not said anything yet, and has a token.
    pub(crate) fn connect(&self, local: impl FnOnce() -> Result<Local, String>) -> Result<Client, Failure> {
        Ok(self.stranger(local)?.with_token(self.token()?))
    }

    /// A client that is nobody yet.
    pub(crate) fn stranger(&self, local: impl FnOnce() -> Result<Local, String>) -> Result<Client, Failure> {
        let Local { url, gateway } = match (&self.url, &self.gateway) {
            (Some(url), Some(gateway)) => Local { url: url.clone(), gateway: gateway.clone() },
            (Some(_), None) => {
                return Err(Failure::usage("--url needs --gateway: the id of the gateway that is meant"));
            }
            (None, gateway) => {
                let local = local().map_err(Failure::usage)?;
                Local { gateway: gateway.clone().unwrap_or(local.gateway), ..local }
            }
        };
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(Failure::usage(format!(
                "{url} is no address of a gateway: it begins with http:// or https://"
            )));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(LONGEST_SILENCE);
        if let Some(path) = &self.ca {
            builder = builder.tls_certs_only(certificates(path)?);
        }
        let http =
            builder.build().map_err(|error| Failure::failed(format!("TLS cannot be used: {error}")))?;
        Ok(Client::new(http, url, gateway, self.json))
    }

    fn token(&self) -> Result<String, Failure> {
        let token = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| Failure::usage(unreadable(path, &error)))?;
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
            None => std::env::var(TOKEN).unwrap_or_default(),
        };
        if token.is_empty() {
            let message = format!(
                "who asks? Set {TOKEN}, or name the file with --token-file; `gateway-ota login` makes one"
            );
            return Err(Failure::usage(message));
        }
        Ok(token)
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let text = std::fs::read(path).map_err(|error| Failure::usage(unreadable(path, &error)))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Failure::usage(format!("the file {} holds no usable certificate", path.display()))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("the file {} cannot be read: {error}", path.display())
}
