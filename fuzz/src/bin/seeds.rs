//! Writes the first inputs of the corpora that no mutation would find: signed messages, statements, a bootstrap string and a filter.

use scm_fuzz::{
    BODY, agent_key, key_chain, order, reply, reply_body, request, server_key, ssh_signature, write,
};
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

const FILTER: &str = r#"web (os_family in (linux, freebsd) or tag = "two words") and not ip in_cidr 10.0.0.0/8 mem_total_mb >= 4096 hostname ~ "^web-[0-9]+$" ver < 1.2.3"#;

/// An address, and a certificate that names system 42, in base64.
const FORWARDED: &str = "\
    [2001:db8::7]:443\n\
    MIIBaDCCARqgAwIBAgIUET0QWBbB+tY1IL1CHtv2V6vSvKwwBQYDK2VwMAAwIBcNMjYxMTIyMTMwOTUxWhgPMjEyNjEwMjkxMzA5NTFaMAAwKj\
    AFBgMrZXADIQAIK8fdlywIvC/iiP4YYrP2hX1wpckOJ6lRFzHYRYXcv6OBozCBoDAdBgNVHQ4EFgQU7iTQaso/CqELIPdeff/J2coiYQwwHwYD\
    VR0jBBgwFoAU7iTQaso/CqELIPdeff/J2coiYQwwDwYDVR0TAQH/BAUwAwEB/zA4BgNVHREBAf8ELjAship1cm46b3BlbnNjbTpvcmdhbml6YX\
    Rpb246ZGVmYXVsdDpzeXN0ZW06NDIwEwYDVR0lBAwwCgYIKwYBBQUHAwIwBQYDK2VwA0EAUJSxA2MU39lTfHyfOqrKCEmpi992Gv0Qf/pGhT2/\
    r8xViVxiAh2/WKOud4K65C44saTndA2KsNYDaLUhS5VZBA==";

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
        (
            "command_order",
            serde_json::to_vec(&order().sign(&server_key(), &Organization::default()))?,
        ),
        ("bootstrap_string", bootstrap.to_string().into_bytes()),
        ("key_chain", key_chain().into_bytes()),
        ("filter_text", FILTER.as_bytes().to_vec()),
        ("ssh_signature", ssh_signature().into_bytes()),
        ("forwarded_fields", FORWARDED.as_bytes().to_vec()),
    ];
    for (target, seed) in seeds {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("seed"), seed)?;
    }
    Ok(())
}
