//! Who signed, and whether that is enough: CMS, the certificate chain and its purpose.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{
    X509, X509ExtendedKeyUsage, X509KeyUsage, X509NameRef, X509PurposeId, X509Ref, X509StoreContext,
    X509VerifyResult,
};

use crate::{Error, Malformed, Untrusted};

// X509_V_ERR_* of OpenSSL's x509_vfy.h, which the binding does not name.
const UNABLE_TO_GET_ISSUER_CERT: i32 = 2;
const CERT_SIGNATURE_FAILURE: i32 = 7;
const CERT_NOT_YET_VALID: i32 = 9;
const CERT_HAS_EXPIRED: i32 = 10;
const DEPTH_ZERO_SELF_SIGNED_CERT: i32 = 18;
const SELF_SIGNED_CERT_IN_CHAIN: i32 = 19;
const UNABLE_TO_GET_ISSUER_CERT_LOCALLY: i32 = 20;
const UNABLE_TO_VERIFY_LEAF_SIGNATURE: i32 = 21;
const INVALID_PURPOSE: i32 = 26;

/// The certificates whose holders may vouch for bundles, directly or through others.
#[derive(Clone)]
pub struct Keyring {
    certificates: Vec<X509>,
}

impl Keyring {
    /// Reads every certificate of a PEM file; RAUC keyrings often hold several.
    ///
    /// # Errors
    /// [`Error::Untrusted`] where there is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let certificates = X509::stack_from_pem(pem).map_err(Untrusted::Keyring)?;
        if certificates.is_empty() {
            return Err(Untrusted::EmptyKeyring.into());
        }
        Ok(Self { certificates })
    }

    fn store(&self, purpose: Purpose, at: SystemTime) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in &self.certificates {
            store.add_cert(certificate.clone())?;
        }
        let mut parameters = X509VerifyParam::new()?;
        // The C type of a time differs between platforms.
        parameters.set_time(unix_seconds(at) as _);
        parameters.set_purpose(match purpose {
            Purpose::SmimeSign => X509PurposeId::SMIME_SIGN,
            Purpose::CodeSign | Purpose::Any => X509PurposeId::ANY,
        })?;
        store.set_param(&parameters)?;
        Ok(store.build())
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subjects = self.certificates.iter().map(|certificate| name(certificate.subject_name()));
        formatter.debug_list().entries(subjects).finish()
    }
}

/// What a signer's certificate must have been issued for; `check-purpose` of RAUC's `[keyring]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// `smimesign`, RAUC's default.
    #[default]
    SmimeSign,
    /// `codesign-rauc`: the signer's extended key usage must name code signing, its key usage, if any, digital
    /// signatures, and an extended key usage of an authority, if any, code signing too. Checked here, since
    /// OpenSSL knows such a purpose only from 3.2 on, and with other rules.
    CodeSign,
    /// `any`: whatever it was issued for.
    Any,
}

/// What a bundle must satisfy to be opened.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who may vouch for it.
    pub keyring: Keyring,
    /// What the signer's certificate must be for.
    pub purpose: Purpose,
    /// Whether bundles may bring hooks and handlers: programs that the caller would run. Off by default.
    pub allow_hooks: bool,
    /// The `compatible` that the manifest must have, if any is demanded.
    pub compatible: Option<String>,
    /// The instant at which certificates must be valid; now where `None`. For gateways whose clock may be wrong
    /// and that know a better time.
    pub at: Option<SystemTime>,
}

impl Policy {
    /// RAUC's defaults, without hooks and with no `compatible` demanded.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self { keyring, purpose: Purpose::SmimeSign, allow_hooks: false, compatible: None, at: None }
    }
}

/// Who signed a bundle, for people to read. Where several did, the first; all were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Subject of the certificate, as in `O=Univa, CN=release signing`.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// When the certificate expires, to the second.
    pub not_after: SystemTime,
    /// SHA-256 of the certificate in DER.
    pub fingerprint: [u8; 32],
}

/// Checks a signature against the policy and returns what was signed, and by whom.
///
/// # Errors
/// [`Error::Untrusted`], and [`Error::Malformed`] for a detached signature, the mark of a `plain` bundle.
pub(crate) fn authenticate(signature: &[u8], policy: &Policy) -> Result<(Vec<u8>, Signer), Error> {
    require_one_der_value(signature)?;
    let unreadable = |_| Untrusted::Unreadable("it is no CMS structure");
    let mut cms = CmsContentInfo::from_der(signature).map_err(unreadable)?;
    // The binding shows certificates and signers of a CMS only through its ancestor PKCS #7, whose
    // signed-data has the same encoding when signers are named by issuer and serial number, as RAUC does.
    let pkcs7 = Pkcs7::from_der(signature)
        .map_err(|_| Untrusted::Unreadable("its signers are not named by issuer and serial number"))?;
    let signed = pkcs7.signed().ok_or(Untrusted::Unreadable("it is not signed-data"))?;
    let none = Stack::new().map_err(Untrusted::Library)?;
    let certificates = signed.certificates().unwrap_or(&none);
    let signers = pkcs7.signers(&none, Pkcs7Flags::empty()).map_err(|_| Untrusted::NoSigner)?;
    let leaf = signers.get(0).ok_or(Untrusted::NoSigner)?;

    let at = policy.at.unwrap_or_else(SystemTime::now);
    let store = policy.keyring.store(policy.purpose, at).map_err(Untrusted::Library)?;
    let mut content = Vec::new();
    // Only the signers that are examined here are accepted as signers; the rest serves to build chains.
    let options = CMSOptions::BINARY | CMSOptions::NOINTERN;
    if let Err(errors) = cms.verify(Some(&signers), Some(&store), None, Some(&mut content), options) {
        return Err(diagnose(&errors, &store, &signers, certificates, at));
    }
    if policy.purpose == Purpose::CodeSign {
        for signer in &signers {
            require_code_signing(&store, signer, certificates)?;
        }
    }
    let signer = describe(leaf).map_err(Untrusted::Library)?;
    Ok((content, signer))
}

/// DER is one value from the first byte to the last. OpenSSL would read past what follows it, and what can be
/// appended unnoticed has no place in a signed file.
fn require_one_der_value(bytes: &[u8]) -> Result<(), Error> {
    let mut rest = bytes.iter().copied();
    let sequence = rest.next() == Some(0x30);
    let length = match rest.next() {
        Some(short @ 0..=0x7f) => Some((2, u64::from(short))),
        Some(long @ 0x81..=0x84) => {
            let count = usize::from(long & 0x7f);
            let octets: Vec<u8> = rest.take(count).collect();
            let value = octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
            (octets.len() == count).then_some((count as u64 + 2, value))
        }
        _ => None,
    };
    match length {
        Some((header, body)) if sequence && header + body == bytes.len() as u64 => Ok(()),
        _ => Err(Untrusted::Unreadable("it is not one DER value").into()),
    }
}

/// Finds the reason behind a refusal of `CMS_verify`, which itself only leaves words.
fn diagnose(
    errors: &ErrorStack,
    store: &X509Store,
    signers: &StackRef<X509>,
    certificates: &StackRef<X509>,
    at: SystemTime,
) -> Error {
    if errors.errors().iter().any(|error| error.reason() == Some("no content")) {
        return Malformed::Plain.into();
    }
    for signer in signers {
        match chain(store, signer, certificates) {
            Ok((X509VerifyResult::OK, _)) => {}
            Ok((result, _)) => return chain_error(result, name(signer.subject_name()), at).into(),
            Err(errors) => return Untrusted::Library(errors).into(),
        }
    }
    Untrusted::BadSignature.into()
}

fn chain_error(result: X509VerifyResult, subject: String, at: SystemTime) -> Untrusted {
    match result.as_raw() {
        CERT_HAS_EXPIRED => Untrusted::Expired { subject, at },
        CERT_NOT_YET_VALID => Untrusted::NotYetValid { subject, at },
        INVALID_PURPOSE => Untrusted::WrongPurpose { subject },
        // The last is a namesake of the real issuer.
        UNABLE_TO_GET_ISSUER_CERT
        | UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        | UNABLE_TO_VERIFY_LEAF_SIGNATURE
        | DEPTH_ZERO_SELF_SIGNED_CERT
        | SELF_SIGNED_CERT_IN_CHAIN
        | CERT_SIGNATURE_FAILURE => Untrusted::UnknownIssuer { subject },
        _ => Untrusted::Chain { subject, reason: result.error_string() },
    }
}

/// Builds and checks the chain of `signer`, which comes first in it.
fn chain(
    store: &X509Store,
    signer: &X509Ref,
    certificates: &StackRef<X509>,
) -> Result<(X509VerifyResult, Vec<X509>), ErrorStack> {
    let mut context = X509StoreContext::new()?;
    context.init(store, signer, certificates, |context| {
        context.verify_cert()?;
        let chain = context.chain().map(|chain| chain.iter().map(ToOwned::to_owned).collect());
        Ok((context.error(), chain.unwrap_or_default()))
    })
}

fn require_code_signing(
    store: &X509Store,
    signer: &X509Ref,
    certificates: &StackRef<X509>,
) -> Result<(), Error> {
    let (_, chain) = chain(store, signer, certificates).map_err(Untrusted::Library)?;
    let code = |usage: X509ExtendedKeyUsage| usage.contains(X509ExtendedKeyUsage::CODE_SIGN);
    let signature = |usage: X509KeyUsage| usage.contains(X509KeyUsage::DIGITAL_SIGNATURE);
    let leaf = signer.extended_key_usage().is_some_and(code) && signer.key_usage().is_none_or(signature);
    let authorities = chain.iter().skip(1).all(|authority| authority.extended_key_usage().is_none_or(code));
    if leaf && authorities && !chain.is_empty() {
        return Ok(());
    }
    Err(Untrusted::WrongPurpose { subject: name(signer.subject_name()) }.into())
}

fn describe(certificate: &X509Ref) -> Result<Signer, ErrorStack> {
    let digest = certificate.digest(MessageDigest::sha256())?;
    let mut fingerprint = [0; 32];
    fingerprint.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    Ok(Signer {
        subject: name(certificate.subject_name()),
        issuer: name(certificate.issuer_name()),
        not_after: system_time(certificate.not_after())?,
        fingerprint,
    })
}

fn name(name: &X509NameRef) -> String {
    let entries = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?").to_owned();
        let value = entry.data().to_string().unwrap_or_default();
        format!("{key}={value}")
    });
    entries.collect::<Vec<_>>().join(", ")
}

fn system_time(time: &Asn1TimeRef) -> Result<SystemTime, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    Ok(time.unwrap_or(UNIX_EPOCH))
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}
