//! Certificates for tests.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use raucb::{Keyring, Policy, Purpose, SigningKey};

/// A certificate and its key.
pub struct Identity {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate is issued for.
#[derive(Clone, Copy, PartialEq)]
pub enum Use {
    Authority,
    /// An authority whose extended key usage allows mail only.
    MailAuthority,
    Anything,
    Mail,
    Code,
    /// Code signing by its extended key usage, but no signatures by its key usage.
    CodeWithoutSignature,
    TlsServer,
}

/// Validity in days from now.
pub struct Days(pub i64, pub i64);

pub const VALID: Days = Days(-1, 30);
pub const EXPIRED: Days = Days(-30, -1);
pub const FUTURE: Days = Days(1, 30);

impl Identity {
    pub fn root(name: &str) -> Self {
        Self::new(name, None, Use::Authority, VALID)
    }

    pub fn issue(&self, name: &str, usage: Use, days: Days) -> Self {
        Self::new(name, Some(self), usage, days)
    }

    fn new(name: &str, issuer: Option<&Self>, usage: Use, Days(from, to): Days) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("O", "Test").unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(127, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&days_from_now(from)).unwrap();
        builder.set_not_after(&days_from_now(to)).unwrap();
        extend(&mut builder, usage);
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    pub fn certificate_pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    pub fn signing_key(&self) -> SigningKey {
        self.signing_key_with(&[])
    }

    pub fn signing_key_with(&self, intermediates: &[&Self]) -> SigningKey {
        let intermediates: Vec<u8> = intermediates.iter().flat_map(|one| one.certificate_pem()).collect();
        SigningKey::from_pem(&self.certificate_pem(), &self.key_pem(), &intermediates).unwrap()
    }

    pub fn keyring(&self) -> Keyring {
        Keyring::from_pem(&self.certificate_pem()).unwrap()
    }

    /// The default policy with this identity as the only trusted one.
    pub fn policy(&self) -> Policy {
        Policy::new(self.keyring())
    }

    pub fn policy_for(&self, purpose: Purpose) -> Policy {
        Policy { purpose, ..self.policy() }
    }
}

fn days_from_now(days: i64) -> Asn1Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    Asn1Time::from_unix((now + days * 86_400) as _).unwrap()
}

fn extend(builder: &mut X509Builder, usage: Use) {
    let authority = matches!(usage, Use::Authority | Use::MailAuthority);
    let mut constraints = BasicConstraints::new();
    if authority {
        constraints.critical().ca();
    }
    builder.append_extension(constraints.build().unwrap()).unwrap();
    let mut key_usage = KeyUsage::new();
    match usage {
        Use::Authority | Use::MailAuthority => key_usage.key_cert_sign().crl_sign(),
        Use::CodeWithoutSignature => key_usage.key_encipherment(),
        _ => key_usage.digital_signature(),
    };
    builder.append_extension(key_usage.critical().build().unwrap()).unwrap();
    let mut extended = ExtendedKeyUsage::new();
    match usage {
        Use::Authority | Use::Anything => return,
        Use::Mail | Use::MailAuthority => extended.email_protection(),
        Use::Code | Use::CodeWithoutSignature => extended.code_signing(),
        Use::TlsServer => extended.server_auth(),
    };
    builder.append_extension(extended.build().unwrap()).unwrap();
}
