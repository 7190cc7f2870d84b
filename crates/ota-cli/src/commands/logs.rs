use crate::{
    client::Client,
    failure::{Failure, UNREACHABLE},
    follow::Feed,
    output,
};
use ota_api::{
    monitor::{LogLine, Logs},
    ws::ServerMessage,
};
use std::time::Duration;

/// Time between two tries to connect again.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest page of the log.
const PAGE: u32 = 1000;

/// Which lines are wanted.
pub(crate) struct Lines {
    pub(crate) limit: u32,
    pub(crate) level: Option<String>,
    pub(crate) since: Option<String>,
}

impl Lines {
    fn query(&self, limit: u32, before: Option<u64>) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(self.level.clone().map(|level| ("level", level)));
        query.extend(self.since.clone().map(|since| ("since", since)));
        query.extend(before.map(|before| ("before", before.to_string())));
        query
    }

    fn want(&self, line: &LogLine) -> bool {
        self.level.as_ref().is_none_or(|level| *level == line.level)
    }
}

pub(crate) async fn logs(client: &Client, wanted: &Lines, follow: bool) -> Result<(), Failure> {
    if follow {
        return Tail { client, wanted, printed: None }.follow().await;
    }
    let answer = client.get("logs", &wanted.query(wanted.limit, None)).await?;
    let logs: Logs = answer.read()?;
    if logs.logs.is_empty() && !client.json() {
        return Ok(());
    }
    let lines = logs.logs.iter().rev().map(text);
    client.show(&answer, || Ok(lines.collect::<Vec<_>>().join("\n")))
}

/// The log as it grows.
struct Tail<'a> {
    client: &'a Client,
    wanted: &'a Lines,
    /// Number of the last line that was printed.
    printed: Option<u64>,
}

impl Tail<'_> {
    /// Ends when the gateway refuses to say more, or nobody reads it.
    async fn follow(mut self) -> Result<(), Failure> {
        let mut feed = Feed::open(self.client).await?;
        loop {
            match self.print_all(&mut feed).await {
                Err(lost) if lost.status == UNREACHABLE => output::remark(&lost.message),
                ended => return ended,
            }
            feed = loop {
                tokio::time::sleep(PAUSE).await;
                match Feed::open(self.client).await {
                    Err(away) if away.status == UNREACHABLE => {}
                    opened => break opened?,
                }
            };
        }
    }

    /// The feed is open before the log is read, and each line is printed once: there is no gap, and nothing comes twice.
    async fn print_all(&mut self, feed: &mut Feed) -> Result<(), Failure> {
        self.catch_up().await?;
        loop {
            match feed.next().await? {
                ServerMessage::LogEntry(line) if self.wanted.want(&line) => self.print(&line)?,
                ServerMessage::Resync { .. } => self.catch_up().await?,
                _ => {}
            }
        }
    }

    /// Prints what the log has that was not printed yet.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let Some(printed) = self.printed else {
            for line in self.page(self.wanted.limit, None).await?.logs.iter().rev() {
                self.print(line)?;
            }
            // From here on everything is news, also where there was nothing to print.
            self.printed.get_or_insert(0);
            return Ok(());
        };
        let (mut missed, mut before) = (Vec::new(), None);
        loop {
            let page = self.page(PAGE, before).await?;
            let of_page = page.logs.len();
            missed.extend(page.logs.into_iter().filter(|line| line.id.is_some_and(|id| id > printed)));
            before = page.next_cursor.filter(|cursor| *cursor > printed);
            if before.is_none() || of_page == 0 {
                break;
            }
        }
        for line in missed.iter().rev() {
            self.print(line)?;
        }
        Ok(())
    }

    async fn page(&self, limit: u32, before: Option<u64>) -> Result<Logs, Failure> {
        self.client.get("logs", &self.wanted.query(limit, before)).await?.read()
    }

    fn print(&mut self, line: &LogLine) -> Result<(), Failure> {
        if line.id.is_some() && line.id <= self.printed {
            return Ok(());
        }
        self.printed = line.id.or(self.printed);
        if self.client.json() {
            return output::line(serde_json::to_string(line).map_err(Failure::failed)?);
        }
        output::line(text(line))
    }
}

fn text(line: &LogLine) -> String {
    let LogLine { timestamp, level, source, message, .. } = line;
    format!("{timestamp} {level:<7} {source}: {message}")
}
