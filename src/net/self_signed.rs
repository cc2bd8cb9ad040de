//! The certificate that a server without one makes for itself.

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};

use crate::sys::interfaces;

/// A self-signed certificate is accepted by hand, once: it should not end soon.
const YEARS: i64 = 10;

/// A certificate and its key, as PEM.
pub fn sign_yourself() -> Result<(String, String), rcgen::Error> {
    let host = interfaces::host_name().unwrap_or_else(|| "ftpd".to_owned());
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.subject_alt_names.extend(host.clone().try_into().ok().map(SanType::DnsName));
    params.subject_alt_names.extend(interfaces::addresses().into_iter().map(SanType::IpAddress));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A client's clock may be slow.
    let begin = Timestamp::now().as_second() - 24 * 60 * 60;
    let date = |seconds| {
        let day = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(jiff::tz::TimeZone::UTC);
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        rcgen::date_time_ymd(day.year().into(), part(day.month()), part(day.day()))
    };
    params.not_before = date(begin);
    params.not_after = date(begin + YEARS * 365 * 24 * 60 * 60);
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}
