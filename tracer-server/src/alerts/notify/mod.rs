//! Telling people, by way of what tells them.

mod client;
mod messages;

use std::time::Duration;

use tokio::sync::mpsc;

use self::client::Client;
use super::{
    rules::{Receiver, Target},
    state::Alert,
};
use crate::counters::{Counters, Loss};

/// Notices that wait.
pub(crate) const QUEUE: usize = 256;
/// Pauses before another attempt.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// Alerts to tell of.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// Which.
    pub(crate) alerts: Vec<Alert>,
    /// Whether they were told of before: only an Alertmanager wants that.
    pub(crate) repeated: bool,
}

/// Those who are told.
pub(crate) struct Notifier {
    targets: Vec<Target>,
    client: Client,
    /// Where the page is, for links; empty if unknown.
    page: String,
}

impl Notifier {
    /// Tells these. `page` is the address of the web page, for links.
    pub(crate) fn new(targets: Vec<Target>, page: String) -> Result<Self, std::io::Error> {
        Ok(Self { targets, client: Client::new()?, page })
    }

    /// Tells until nobody can send notices any more.
    pub(crate) async fn run(self, mut notices: mpsc::Receiver<Notice>, counters: &Counters) {
        while let Some(notice) = notices.recv().await {
            for target in &self.targets {
                self.tell(target, &notice, counters).await;
            }
        }
    }

    async fn tell(&self, target: &Target, notice: &Notice, counters: &Counters) {
        let (receiver, bodies): (&Receiver, Vec<serde_json::Value>) = match target {
            Target::Alertmanager(receiver) => {
                (receiver, vec![messages::alertmanager(&notice.alerts, &self.page)])
            }
            _ if notice.repeated => return,
            Target::Webhook(receiver) => (receiver, vec![messages::webhook(&notice.alerts, &self.page)]),
            Target::Slack(receiver) => {
                (receiver, notice.alerts.iter().map(|alert| messages::slack(alert, &self.page)).collect())
            }
        };
        let path = if matches!(target, Target::Alertmanager(_)) { "/api/v2/alerts" } else { "" };
        for body in bodies {
            if let Err(error) = self.deliver(receiver, path, &body).await {
                counters.lose(Loss::Unnotified, notice.alerts.len() as u64);
                tracing::warn!(host = receiver.url.host(), %error, "nobody could be told of alerts");
            }
        }
    }

    async fn deliver(
        &self,
        receiver: &Receiver,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(), client::PostError> {
        for pause in PAUSES {
            match self.client.post(receiver, path, body).await {
                Err(error) if error.may_pass() => tokio::time::sleep(pause).await,
                done => return done,
            }
        }
        self.client.post(receiver, path, body).await
    }
}
