//! A client that signs as an agent does, and does what no agent would: replays, lies about the time, sends garbage.

use crate::clock;
use crate::http::{Connection, Endpoint, Reply};
use crate::signed::{Answer, Signed, answer, new_key};
use anyhow::{Result, bail};
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{CheckIn, CheckInReply, HostFacts, RegisterReply, RegisterRequest};
use scm_protocol::certificates::CertificateReply;
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::report::{ResultsReply, ResultsRequest};
use scm_protocol::ids::{Organization, SystemId};
use scm_protocol::refusal::Refusal;
use scm_protocol::upgrades::progress::PackagePartRequest;

/// An agent by hand.
pub struct Rogue {
    /// Where it connects.
    pub endpoint: Endpoint,
    /// Its key pair.
    pub key: SigningKey,
    /// The organization it names.
    pub organization: Organization,
    /// Its id; 0 until registered.
    pub system: SystemId,
    /// The sequence number of its last request.
    pub sequence: u64,
}

impl Rogue {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self> {
        Ok(Rogue {
            endpoint,
            key: new_key()?,
            organization: Organization::default(),
            system: SystemId(0),
            sequence: 0,
        })
    }

    /// A registration that can be sent.
    ///
    /// # Errors
    /// Never.
    pub fn registration(&self, hostname: &str) -> Result<Signed> {
        self.registration_with(hostname, None)
    }

    /// A registration with an enrollment token.
    ///
    /// # Errors
    /// Never.
    pub fn registration_with(&self, hostname: &str, token: Option<&str>) -> Result<Signed> {
        let body = RegisterRequest {
            facts: HostFacts {
                hostname: hostname.to_owned(),
                os_family: "linux".to_owned(),
                ..HostFacts::default()
            },
            agent_version: "0.1.0".to_owned(),
            boot_id: "0".repeat(32),
            enrollment_token: token.map(str::to_owned),
        };
        let now = clock::now();
        let nonce = format!("rogue-{}", now.0);
        let body = serde_json::to_vec(&body)?;
        Ok(Signed::registration(
            &self.key,
            &self.organization,
            now.as_secs(),
            nonce,
            body,
        ))
    }

    /// Registers.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn register(&mut self, hostname: &str) -> Result<RegisterReply> {
        self.register_with(hostname, None).await
    }

    /// Registers with an enrollment token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn register_with(&mut self, hostname: &str, token: Option<&str>) -> Result<RegisterReply> {
        let reply = self.send(&self.registration_with(hostname, token)?).await?;
        match answer::<RegisterReply>(&reply)? {
            Answer::Given(given) => {
                self.system = given.system_id;
                Ok(given)
            }
            Answer::Refused(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    /// The next check-in, with this body and a clock that is so many seconds off.
    pub fn checkin_with(&mut self, body: Vec<u8>, clock_off_secs: i64) -> Signed {
        self.sequence += 1;
        let created = clock::now().as_secs() + clock_off_secs;
        Signed::checkin(
            &self.key,
            &self.organization,
            self.system,
            created,
            self.sequence,
            body,
        )
    }

    /// The next check-in.
    ///
    /// # Errors
    /// Never.
    pub fn checkin(&mut self) -> Result<Signed> {
        let body = CheckIn {
            agent_version: "0.1.0".to_owned(),
            boot_id: "0".repeat(32),
            ..CheckIn::default()
        };
        Ok(self.checkin_with(serde_json::to_vec(&body)?, 0))
    }

    /// The next request for a certificate.
    pub fn certificate_request(&mut self) -> Signed {
        self.sequence += 1;
        let created = clock::now().as_secs();
        Signed::certificate(&self.key, &self.organization, self.system, created, self.sequence)
    }

    /// The next report of results.
    pub fn results(&mut self, request: &ResultsRequest) -> Signed {
        self.sequence += 1;
        let created = clock::now().as_secs();
        Signed::results(
            &self.key,
            &self.organization,
            self.system,
            created,
            self.sequence,
            request,
        )
    }

    /// The next request for a part of a package.
    pub fn package_part(&mut self, request: &PackagePartRequest) -> Signed {
        self.sequence += 1;
        let created = clock::now().as_secs();
        Signed::package_part(
            &self.key,
            &self.organization,
            self.system,
            created,
            self.sequence,
            request,
        )
    }

    /// Reports that it offers these actions, after a check-in: only the run that checked in is heard.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn offer(&mut self, catalogue: Catalogue) -> Result<ResultsReply> {
        let checkin = self.checkin()?;
        self.accepted(&checkin).await?;
        let request = ResultsRequest {
            boot_id: "0".repeat(32),
            catalogue: Some(catalogue),
            reports: Vec::new(),
        };
        let signed = self.results(&request);
        match answer(&self.send(&signed).await?)? {
            Answer::Given(given) => Ok(given),
            Answer::Refused(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    /// Asks for a certificate.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn certificate(&mut self) -> Result<CertificateReply> {
        let request = self.certificate_request();
        match answer(&self.send(&request).await?)? {
            Answer::Given(given) => Ok(given),
            Answer::Refused(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    /// Sends on a connection of its own.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn send(&self, request: &Signed) -> Result<Reply> {
        self.connect()
            .await?
            .exchange(&request.bytes(&self.endpoint))
            .await
    }

    /// Sends a check-in that is expected to be taken.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn accepted(&self, request: &Signed) -> Result<CheckInReply> {
        match answer(&self.send(request).await?)? {
            Answer::Given(given) => Ok(given),
            Answer::Refused(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    /// Sends a request that is expected to be refused.
    ///
    /// # Errors
    /// When it is taken.
    pub async fn refused(&self, request: &Signed) -> Result<(Reply, Refusal)> {
        let reply = self.send(request).await?;
        match answer::<serde_json::Value>(&reply)? {
            Answer::Given(given) => bail!("taken: {given}"),
            Answer::Refused(refusal) => Ok((reply, refusal)),
        }
    }

    /// A connection.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn connect(&self) -> Result<Connection> {
        self.endpoint.connect().await
    }
}
