//! One download from its checkpoint to its name, across as many connections as it takes.

use super::error::{FetchError, blocking};
use super::pipeline::Pipeline;
use super::source::{Answer, Source};
use super::staging::Staged;
use super::{Alone, Patience};
use backon::BackoffBuilder;
use futures::StreamExt;
use ota_engine::ports::Meter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// Longest time that bytes wait for their block to fill.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

pub(super) struct Download {
    staged: Staged,
    source: Source,
    alone: Alone,
    pipeline: Pipeline,
}

impl Download {
    /// Goes back to where the last download of this target stopped.
    pub(super) async fn open(
        staged: Staged,
        source: Source,
        alone: Alone,
        cancel: &CancellationToken,
    ) -> Result<Self, FetchError> {
        let pipeline = resume(&staged, &alone, cancel).await?;
        Ok(Self { staged, source, alone, pipeline })
    }

    /// Downloads what is missing, compares all of it with the signed hash, and gives it its name.
    pub(super) async fn run(
        mut self,
        patience: &Patience,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, FetchError> {
        meter.begin(self.pipeline.offset(), self.length());
        let received = self.receive_all(patience, meter, cancel).await;
        let Self { staged, mut pipeline, .. } = self;
        let result = match received {
            Ok(()) => complete(&staged, pipeline.finish().await?),
            // What the disk says is the cause of what was seen here.
            Err(error) => pipeline.stop().await.and(Err(error)),
        };
        blocking(move || match result {
            Ok(()) => staged.publish(),
            Err(error) if error.spoils() => staged.discard().and(Err(error)),
            Err(error) => Err(error),
        })
        .await
    }

    fn length(&self) -> u64 {
        self.staged.target().length
    }

    /// Connects until everything is there. Tries are counted from the last one that brought a new byte.
    async fn receive_all(
        &mut self,
        patience: &Patience,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), FetchError> {
        let mut furthest = self.pipeline.offset();
        let mut pauses = patience.pauses().build();
        while self.pipeline.offset() < self.length() {
            let received = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(FetchError::Cancelled),
                received = self.receive(patience.silence, meter, cancel) => received,
            };
            let error = match received {
                Err(error) if error.may_pass() => error,
                other => {
                    other?;
                    continue;
                }
            };
            if self.pipeline.offset() > furthest {
                furthest = self.pipeline.offset();
                pauses = patience.pauses().build();
            }
            if matches!(error, FetchError::NotContinued(_)) {
                self.restart(meter, cancel).await?;
            }
            let Some(pause) = pauses.next() else { return Err(error) };
            tracing::debug!(target = self.staged.target().name, %error, ?pause, offset = furthest, "trying again");
            tokio::select! {
                () = cancel.cancelled() => return Err(FetchError::Cancelled),
                () = sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// One connection, to the end of the file or of the connection.
    async fn receive(
        &mut self,
        silence: Duration,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), FetchError> {
        let offset = self.pipeline.offset();
        let asked = timeout(silence, self.source.open(offset, self.pipeline.etag()));
        let answer = asked.await.map_err(|_| FetchError::Silent(silence))??;
        if answer.start != offset {
            // The file is another one by now, or the server cannot send parts.
            self.restart(meter, cancel).await?;
        }
        self.pipeline.name(answer.etag.clone());
        self.take_in(answer, silence, meter).await
    }

    async fn take_in(
        &mut self,
        mut answer: Answer,
        silence: Duration,
        meter: &Meter,
    ) -> Result<(), FetchError> {
        let signed = self.length();
        let mut flush = interval(FLUSH_EVERY);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let next = tokio::select! {
                biased;
                _ = flush.tick() => {
                    self.pipeline.flush()?;
                    continue;
                }
                next = timeout_at(heard + silence, answer.body.next()) => next,
            };
            let bytes = match next.map_err(|_| FetchError::Silent(silence))? {
                Some(bytes) => bytes?,
                None if self.pipeline.offset() == signed => return Ok(()),
                None => return Err(FetchError::Interrupted("the answer ended too early".to_owned())),
            };
            if bytes.len() as u64 > signed - self.pipeline.offset() {
                return Err(FetchError::TooLong { signed });
            }
            self.pipeline.push(&bytes).await?;
            meter.add(bytes.len() as u64);
            heard = Instant::now();
        }
    }

    /// Forgets everything that has arrived. The old threads end first: they must not write over what begins anew.
    async fn restart(&mut self, meter: &Meter, cancel: &CancellationToken) -> Result<(), FetchError> {
        self.pipeline.stop().await?;
        let (staged, alone) = (self.staged.clone(), Arc::clone(&self.alone));
        let discard = move || {
            let _alone = alone;
            staged.discard()
        };
        blocking(discard).await?;
        self.pipeline = resume(&self.staged, &self.alone, cancel).await?;
        meter.begin(0, self.length());
        Ok(())
    }
}

async fn resume(staged: &Staged, alone: &Alone, cancel: &CancellationToken) -> Result<Pipeline, FetchError> {
    let (place, held) = (staged.clone(), Arc::clone(alone));
    let stop = cancel.child_token();
    let _stop_with_us = stop.clone().drop_guard();
    let resumed = blocking(move || {
        let _alone = held;
        place.resume(&stop)
    });
    Ok(Pipeline::start(staged.clone(), resumed.await?, Arc::clone(alone)))
}

fn complete(staged: &Staged, found: String) -> Result<(), FetchError> {
    let signed = staged.target().sha256.clone();
    if found == signed { Ok(()) } else { Err(FetchError::NotSigned { signed, found }) }
}
