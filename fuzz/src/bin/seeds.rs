//! Writes the first inputs of the corpora that no mutation would find: signed messages and a bootstrap string.

use scm_fuzz::{BODY, agent_key, reply, reply_body, request, server_key, write};
use scm_protocol::bootstrap::Bootstrap;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::Organization;
use std::path::Path;

const CONFIGURATION: &str = r#"[server]
url = "https://scm.example.com:8443"
organization = "default"
ca_pin = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
enrollment_token = "oscm_abc"
[agent]
state_folder = "/var/lib/openscm"
proxy = "http://user:password@proxy:3128"
[telemetry]
enabled = true
containers = false
[log]
level = "debug"
"#;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut signed_reply = write(&reply(), &reply_body());
    // The fuzzer reads the status from the end of the input.
    signed_reply.extend([0, 0]);
    let key: PublicKey = server_key().verifying_key().into();
    let other: PublicKey = agent_key().verifying_key().into();
    let bootstrap = Bootstrap {
        url: "https://scm.example.com:8443".to_owned(),
        organization: Organization::default(),
        ca_pin: Some(other.fingerprint()),
        server_key_pin: key.fingerprint(),
        enrollment_token: Some("oscm_abc".to_owned()),
    };
    let seeds = [
        ("signed_request", write(&request(), BODY)),
        ("server_reply", signed_reply),
        ("agent_configuration", CONFIGURATION.as_bytes().to_vec()),
        ("bootstrap_string", bootstrap.to_string().into_bytes()),
    ];
    for (target, seed) in seeds {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("seed"), seed)?;
    }
    Ok(())
}
