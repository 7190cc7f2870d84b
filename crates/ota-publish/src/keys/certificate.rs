//! X.509 certificates as RAUC and OpenSSL check them (RFC 5280).

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

const DAY: i64 = 86_400;

/// What a bundle signer's certificate is good for (extended key usage, RFC 5280, 4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `emailProtection`: what RAUC demands by default.
    SmimeSign,
    /// `codeSigning`: for gateways that are configured for it.
    CodeSign,
}

/// Who signs a certificate.
pub(super) struct Issuer<'a> {
    pub(super) certificate: &'a X509,
    pub(super) key: &'a PKey<Private>,
}

/// A new ECDSA key on P-256.
pub(super) fn generate_key() -> Result<PKey<Private>, ErrorStack> {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// A self-signed certificate that may sign certificates, but no further CA.
pub(super) fn authority(name: &str, days: u32, key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let name = distinguished_name(name)?;
    let mut builder = builder(&name, i64::from(days), key)?;
    builder.set_issuer_name(&name)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(subject_key)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// A certificate for the key that signs bundles.
pub(super) fn signer(
    name: &str,
    days: i32,
    purpose: Purpose,
    key: &PKey<Private>,
    issuer: &Issuer<'_>,
) -> Result<X509, ErrorStack> {
    let mut builder = builder(&distinguished_name(name)?, i64::from(days), key)?;
    builder.set_issuer_name(issuer.certificate.subject_name())?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    let mut usage = ExtendedKeyUsage::new();
    match purpose {
        Purpose::SmimeSign => usage.email_protection(),
        Purpose::CodeSign => usage.code_signing(),
    };
    builder.append_extension(usage.build()?)?;
    let context = builder.x509v3_context(Some(issuer.certificate), None);
    let subject_key = SubjectKeyIdentifier::new().build(&context)?;
    builder.append_extension(subject_key)?;
    let context = builder.x509v3_context(Some(issuer.certificate), None);
    let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
    builder.append_extension(authority_key)?;
    builder.sign(issuer.key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// Subject, key, serial number and validity. It starts a day early, since a gateway's clock may be behind; one that ends
/// before now starts a day before its end.
fn builder(name: &X509Name, days: i64, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let now = jiff::Timestamp::now().as_second();
    let end = now + days * DAY;
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(name)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::from_unix(now.min(end) - DAY)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(end)?.as_ref())?;
    Ok(builder)
}

fn distinguished_name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Gateway OTA")?;
    builder.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(builder.build())
}
