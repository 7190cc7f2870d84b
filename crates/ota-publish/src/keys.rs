//! The publisher's keys: a CA, a bundle signer, and one key for each TUF role. They stay with the publisher; a gateway gets
//! only the CA certificate and the TUF root.

mod certificate;

pub use certificate::Purpose;

use crate::atomic::{self, WriteError};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::RoleType;

const CA_KEY: &str = "ca.key.pem";
const CA_CERTIFICATE: &str = "ca.cert.pem";
const SIGNER_KEY: &str = "signer.key.pem";
const SIGNER_CERTIFICATE: &str = "signer.cert.pem";

/// The roles that have a key (TUF 4.3).
pub(crate) const ROLES: [RoleType; 4] =
    [RoleType::Root, RoleType::Targets, RoleType::Snapshot, RoleType::Timestamp];

/// What is to be written into new certificates.
#[derive(Debug, Clone)]
pub struct KeySpec {
    /// Common name of the CA; the signer's is this with ` bundle signer` behind it.
    pub common_name: String,
    /// What the signer's certificate is good for.
    pub purpose: Purpose,
    /// Validity of the CA certificate in days from now.
    pub ca_days: u32,
    /// Validity of the signer's certificate in days from now; zero or less makes one that has expired.
    pub signer_days: i32,
}

impl Default for KeySpec {
    fn default() -> Self {
        Self {
            common_name: "Gateway OTA publisher".to_owned(),
            purpose: Purpose::SmimeSign,
            ca_days: 3650,
            signer_days: 730,
        }
    }
}

/// Keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file is missing or unreadable.
    #[error("cannot read the key file {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file could not be written.
    #[error("cannot store the keys")]
    Write(#[from] WriteError),
    /// OpenSSL refused a key or certificate, or could not make one.
    #[error("cannot make or use an X.509 key or certificate")]
    Certificate(#[from] openssl::error::ErrorStack),
    /// The system's random source or the signature library failed.
    #[error("cannot make a TUF key")]
    Generate,
    /// A TUF key cannot be loaded.
    #[error("cannot load the TUF key {}", path.display())]
    Tuf { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    /// A certificate lies there without the key that belongs to it, so nothing can be issued with it.
    #[error("{} is there, but its key is not; a new key would not fit it", certificate.display())]
    KeyGone { certificate: PathBuf },
}

/// A directory of keys.
#[derive(Debug, Clone)]
pub struct Keys {
    directory: PathBuf,
}

impl Keys {
    /// Opens the keys in `directory`, making those that are missing with [`KeySpec::default`]. Nothing that exists is changed.
    ///
    /// # Errors
    /// [`KeysError`] when the directory or a file cannot be read or written.
    pub fn create(directory: impl Into<PathBuf>) -> Result<Self, KeysError> {
        Self::create_with(directory, &KeySpec::default())
    }

    /// As [`Keys::create`], with certificates as `spec` says.
    ///
    /// # Errors
    /// [`KeysError`] when the directory or a file cannot be read or written.
    pub fn create_with(directory: impl Into<PathBuf>, spec: &KeySpec) -> Result<Self, KeysError> {
        let keys = Self { directory: directory.into() };
        if !keys.directory.is_dir() {
            atomic::directory(&keys.directory, 0o700)?;
        }
        let _alone = keys.lock()?;
        keys.create_ca(spec)?;
        keys.create_signer(spec)?;
        for role in ROLES {
            if keys.role_files(role)?.is_empty() {
                keys.add_role_key(role)?;
            }
        }
        Ok(keys)
    }

    /// Opens existing keys and makes none. Keys that are kept elsewhere (an offline root key, say) may be missing; what needs
    /// them fails then.
    ///
    /// # Errors
    /// [`KeysError::Read`] when there is no such directory.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, KeysError> {
        let keys = Self { directory: directory.into() };
        fs::read_dir(&keys.directory)
            .map_err(|source| KeysError::Read { path: keys.directory.clone(), source })?;
        Ok(keys)
    }

    /// Where the keys are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The CA certificate, PEM: the keyring of gateways.
    #[must_use]
    pub fn keyring(&self) -> PathBuf {
        self.directory.join(CA_CERTIFICATE)
    }

    /// The bundle signer's certificate, PEM.
    #[must_use]
    pub fn signer_certificate(&self) -> PathBuf {
        self.directory.join(SIGNER_CERTIFICATE)
    }

    /// The bundle signer's private key, PEM, PKCS #8.
    #[must_use]
    pub fn signer_key(&self) -> PathBuf {
        self.directory.join(SIGNER_KEY)
    }

    /// Every TUF key that is here; which of them sign is decided by the repository's root.
    pub(crate) fn tuf_sources(&self) -> Result<Vec<Box<dyn KeySource>>, KeysError> {
        let mut sources: Vec<Box<dyn KeySource>> = Vec::new();
        for role in ROLES {
            for path in self.role_files(role)? {
                sources.push(Box::new(LocalKeySource { path }));
            }
        }
        Ok(sources)
    }

    /// The newest public key of a role.
    pub(crate) async fn role_key(&self, role: RoleType) -> Result<tough::schema::key::Key, KeysError> {
        let path = self.role_files(role)?.pop().unwrap_or_else(|| self.role_path(role, 1));
        let loaded = LocalKeySource { path: path.clone() }.as_sign().await;
        let signer = loaded.map_err(|source| KeysError::Tuf { path, source })?;
        Ok(signer.tuf_key())
    }

    /// Makes one more key for a role; the keys before it stay, since a new root is signed by the old ones too (TUF 6.1).
    pub(crate) fn add_role_key(&self, role: RoleType) -> Result<PathBuf, KeysError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeysError::Generate)?;
        let mut number = self.role_files(role)?.len() + 1;
        loop {
            let path = self.role_path(role, number);
            if atomic::create(&path, document.as_ref(), 0o600)? {
                return Ok(path);
            }
            number += 1;
        }
    }

    fn role_path(&self, role: RoleType, number: usize) -> PathBuf {
        self.directory.join(format!("tuf-{role}-{number:03}.pk8"))
    }

    /// Key files of a role, oldest first.
    fn role_files(&self, role: RoleType) -> Result<Vec<PathBuf>, KeysError> {
        let failed = |source| KeysError::Read { path: self.directory.clone(), source };
        let prefix = format!("tuf-{role}-");
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&prefix) && name.ends_with(".pk8") {
                files.push(self.directory.join(&*name));
            }
        }
        files.sort();
        Ok(files)
    }

    fn create_ca(&self, spec: &KeySpec) -> Result<(), KeysError> {
        let path = self.keyring();
        if path.exists() {
            return Ok(());
        }
        let key = self.private_key(CA_KEY)?;
        let certificate = certificate::authority(&spec.common_name, spec.ca_days, &key)?;
        atomic::create(&path, &certificate.to_pem()?, 0o600)?;
        Ok(())
    }

    fn create_signer(&self, spec: &KeySpec) -> Result<(), KeysError> {
        let path = self.signer_certificate();
        if path.exists() {
            return Ok(());
        }
        if !self.directory.join(CA_KEY).exists() {
            return Err(KeysError::KeyGone { certificate: self.keyring() });
        }
        let authority = X509::from_pem(&self.read(CA_CERTIFICATE)?)?;
        let authority_key = self.private_key(CA_KEY)?;
        let key = self.private_key(SIGNER_KEY)?;
        let name = format!("{} bundle signer", spec.common_name);
        let issuer = certificate::Issuer { certificate: &authority, key: &authority_key };
        let certificate = certificate::signer(&name, spec.signer_days, spec.purpose, &key, &issuer)?;
        atomic::create(&path, &certificate.to_pem()?, 0o600)?;
        Ok(())
    }

    /// The private key in a file, made when it is missing: a run that was interrupted between key and certificate goes on.
    fn private_key(&self, name: &str) -> Result<PKey<Private>, KeysError> {
        let path = self.directory.join(name);
        if !path.exists() {
            let key = certificate::generate_key()?;
            atomic::create(&path, &key.private_key_to_pem_pkcs8()?, 0o600)?;
        }
        Ok(PKey::private_key_from_pem(&self.read(name)?)?)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, KeysError> {
        let path = self.directory.join(name);
        fs::read(&path).map_err(|source| KeysError::Read { path, source })
    }

    /// Two makers at once would each issue certificates for the other's keys. Released when dropped.
    fn lock(&self) -> Result<File, KeysError> {
        let open = || {
            let directory = File::open(&self.directory)?;
            directory.lock()?;
            Ok(directory)
        };
        open().map_err(|source| KeysError::Read { path: self.directory.clone(), source })
    }
}
