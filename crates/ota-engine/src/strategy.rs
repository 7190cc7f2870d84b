//! How the images of an installation reach the system, and which ways this gateway has.

use ota_core::{InstallOrder, SlotId, Strategy};

use crate::{Ota, OtaError, Snapshot, updates::no_room};

impl Snapshot {
    /// Why nothing can be installed in this way now, as a sentence; `None` when it can.
    #[must_use]
    pub fn strategy_refused(&self, strategy: Strategy) -> Option<String> {
        match strategy {
            Strategy::Seamless => None,
            Strategy::InPlace => self.in_place_refused(),
            Strategy::Rolling => self
                .components
                .is_empty()
                .then(|| "This gateway has no components that are updated one at a time.".to_owned()),
        }
    }
}

impl Ota {
    /// The order with the strategy that was named, or else that of the settings.
    ///
    /// # Errors
    /// [`OtaError::BadRequest`] with the reason, where this gateway cannot install in this way now.
    pub(crate) fn planned(
        &self,
        order: InstallOrder,
        named: Option<Strategy>,
    ) -> Result<InstallOrder, OtaError> {
        let snapshot = self.snapshot();
        let strategy = named.unwrap_or(snapshot.settings.update_strategy);
        if let Some(reason) = snapshot.strategy_refused(strategy) {
            let name = strategy.as_str();
            return Err(OtaError::BadRequest(format!("The strategy {name} cannot be used: {reason}")));
        }
        Ok(self.possible(InstallOrder { strategy, ..order }))
    }

    /// The slot that the order writes, which must be the one that was named.
    ///
    /// # Errors
    /// [`OtaError::BadRequest`] for another slot and for one that does not exist.
    pub(crate) fn target_slot(
        &self,
        named: Option<&str>,
        order: Option<&InstallOrder>,
    ) -> Result<SlotId, OtaError> {
        let running = self.parts.slots.running().slot();
        let Some(running) = running.filter(|_| order.is_some_and(InstallOrder::is_in_place)) else {
            return self.inactive_slot(named);
        };
        match named.map(str::parse::<SlotId>).transpose() {
            Ok(None) => Ok(running),
            Ok(Some(slot)) if slot == running => Ok(slot),
            Ok(Some(slot)) => Err(OtaError::BadRequest(format!(
                "Partition {slot} is not running; an update in place goes into partition {running}."
            ))),
            Err(error) => Err(OtaError::BadRequest(format!("target_partition: {error}."))),
        }
    }

    /// Looks whether the snapshot fits without which nothing is updated in place, beside `others` more bytes.
    ///
    /// # Errors
    /// [`OtaError::NoRoom`] where it does not.
    pub(crate) async fn require_way_back(&self, order: &InstallOrder, others: u64) -> Result<(), OtaError> {
        if !order.is_in_place() {
            return Ok(());
        }
        let content = self.recorded_content(self.parts.slots.booted()).await?;
        self.parts.snapshots.check_room(&content, others).await.map_err(no_room)
    }
}
