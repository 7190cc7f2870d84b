//! Read, change and create an environment, each under the lock.

use crate::commit::{Plan, mark_superseded, write_copy};
use crate::config::{Config, ConfigError, Location};
use crate::copies::Copies;
use crate::device::{Access, Area, Device, provision};
use crate::environment::Environment;
use crate::error::{Error, UpdateError};
use crate::image::{Image, Layout};
use crate::lock::Lock;
use crate::scheme::{ACTIVE, OBSOLETE};
use crate::transaction::Transaction;

/// A boot environment on its devices. Holds nothing open between operations; all of them may run from any thread.
///
/// Every operation blocks while another one, in this or any other process, holds the lock.
#[derive(Clone, Debug)]
pub struct Store {
    config: Config,
}

/// One copy, as [`Store::status`] found it.
#[derive(Debug)]
pub struct CopyStatus {
    /// Its place.
    pub location: Location,
    /// Whether it could be read and its CRC fits its content.
    pub valid: bool,
    /// Its flag byte; `None` for a single copy and for one that could not be read.
    pub flag: Option<u8>,
    /// Whether it is the copy in use.
    pub active: bool,
    /// Why it could not be read.
    pub unreadable: Option<Error>,
}

impl Store {
    /// Takes a configuration. Nothing is opened yet; devices are looked at by each operation.
    #[must_use]
    pub fn open(config: Config) -> Self {
        Self { config }
    }

    /// Makes a fresh environment on all copies, as flashing the output of `mkenvimage` would; what was there is lost.
    ///
    /// Only this operation creates missing files (but none directly in `/dev`) and grows short ones.
    ///
    /// # Errors
    /// [`Error`]. Where the places held an environment and the system fails in the middle, one valid copy remains.
    pub fn create(config: Config, environment: &Environment) -> Result<Self, Error> {
        let layout = config.layout()?;
        let first = layout.encode(environment, ACTIVE)?;
        let lock = Lock::acquire(&config.lock_file)?;
        for location in &config.copies {
            provision(location)?;
        }
        // The second copy first: when the first is written, there is always another valid one.
        if let [_, second] = config.copies.as_slice() {
            let mut device = Device::open(second, layout.size, Access::Write)?;
            write_copy(&mut device, &layout.encode(environment, OBSOLETE)?)?;
        }
        if let Some(location) = config.copies.first() {
            write_copy(&mut Device::open(location, layout.size, Access::Write)?, &first)?;
        }
        drop(lock);
        Ok(Self { config })
    }

    /// The configuration that the store was opened with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the copy in use: the newest valid one, or the only valid one.
    ///
    /// # Errors
    /// [`Error::NoValidCopy`], or why the last hope could not be read.
    pub fn read(&self) -> Result<Environment, Error> {
        let layout = self.config.layout()?;
        let _lock = Lock::acquire(&self.config.lock_file)?;
        let (_, image) = self.copies(layout)?.into_active()?;
        Ok(Environment::parse(&image.data))
    }

    /// Reads, changes and commits under one lock. All variables that `change` sets or unsets become visible together.
    ///
    /// Where nothing differs in the end, nothing is written. `change` must not use the store: it would wait for its own
    /// lock for ever.
    ///
    /// # Errors
    /// [`UpdateError::Change`] with the error of `change`, nothing written; [`UpdateError::Environment`] else.
    pub fn update<T, E>(
        &self,
        change: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<T, UpdateError<E>> {
        let layout = self.config.layout().map_err(Error::from)?;
        let _lock = Lock::acquire(&self.config.lock_file)?;
        let (active, image) = self.copies(layout)?.into_active()?;
        let before = Environment::parse(&image.data);
        let mut transaction = Transaction::new(before.clone());
        let value = change(&mut transaction).map_err(UpdateError::Change)?;
        let after = transaction.into_environment();
        if after != before {
            self.commit(layout, active, &image, &after)?;
        }
        Ok(value)
    }

    /// Tells what each copy is worth, in the order of the configuration.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::Lock`]; a copy that cannot be read is part of the answer.
    pub fn status(&self) -> Result<Vec<CopyStatus>, Error> {
        let layout = self.config.layout()?;
        let _lock = Lock::acquire(&self.config.lock_file)?;
        let copies = self.copies(layout)?;
        let active = copies.active();
        let statuses = self.config.copies.iter().zip(copies.into_iter()).enumerate();
        Ok(statuses
            .map(|(index, (location, copy))| CopyStatus {
                location: location.clone(),
                valid: copy.as_ref().is_ok_and(|image| image.valid),
                flag: copy.as_ref().ok().filter(|_| layout.redundant).map(|image| image.flag),
                active: active == Some(index),
                unreadable: copy.err(),
            })
            .collect())
    }

    fn copies(&self, layout: Layout) -> Result<Copies, Error> {
        let open = |location| Device::open(location, layout.size, Access::Read);
        let devices: Vec<_> = self.config.copies.iter().map(open).collect();
        if let [Ok(first), Ok(second)] = devices.as_slice()
            && first.overlaps(second)?
        {
            // Two names of one place: a commit would overwrite the only copy.
            return Err(ConfigError::Overlap { device: second.path().to_owned() }.into());
        }
        Ok(Copies::read(devices, layout, self.config.scheme))
    }

    fn commit(&self, layout: Layout, active: usize, image: &Image, after: &Environment) -> Result<(), Error> {
        let plan = Plan::new(layout.redundant, self.config.scheme, active, image.flag);
        let copy = layout.encode(after, plan.flag)?;
        let open = |index| match self.config.copies.get(index) {
            Some(location) => Device::open(location, layout.size, Access::Write),
            None => Err(Error::NoValidCopy),
        };
        write_copy(&mut open(plan.target)?, &copy)?;
        match plan.superseded {
            Some(index) => mark_superseded(&mut open(index)?),
            None => Ok(()),
        }
    }
}
