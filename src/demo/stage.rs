//! The stage of the demo: its folder, its addresses, its configuration.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit;

/// Marks a folder as the demo's own, which it may empty.
const MARK: &str = "THIS-IS-HOLDSHORTS-DEMO";

/// Everything the story needs before the curtain rises.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) acme: SocketAddr,
}

impl Stage {
    pub(crate) fn set(folder: &Path) -> anyhow::Result<Stage> {
        if folder.exists() {
            let ours = folder.join(MARK).exists();
            let empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
            if !ours && !empty {
                return Err(exit::finding(format!(
                    "{} is not empty and was not made by the demo; choose another folder with --dir",
                    folder.display()
                )));
            }
            if ours {
                std::fs::remove_dir_all(folder).with_context(|| format!("clearing {}", folder.display()))?;
            }
        }
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::write(folder.join(MARK), "Made by `holdshort demo`; it may be deleted.\n")?;
        let stage = Stage { folder: folder.to_path_buf(), proxy: free(8080)?, admin: free(8081)?, acme: free(9000)? };
        std::fs::write(stage.configuration(), stage.text())?;
        Ok(stage)
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join("holdshort.yaml")
    }

    fn text(&self) -> String {
        let Stage { proxy, admin, acme, .. } = self;
        format!(
            r#"# What the demo runs with. Change it, and try `holdshort serve --config {folder}`.
proxy: {{ listen: {proxy} }}
admin: {{ listen: {admin}, url: "http://{admin}" }}
database: sqlite:holdshort.db
hold: {{ timeout: 15m }}
approval: {{ expires_in: 15m }}

upstreams:
  acme-pay:
    url: http://{acme}
    at: /pay
    routes:
      - action: read_payments
        match: GET /v1/**
        risk_tier: low
      - action: issue_refund
        match: POST /v1/refunds
        risk_tier: high
        title: "Refund {{params.amount|money:EUR}} to {{params.customer}}"
        params: {{ amount: {{ from: /amount, type: integer }}, customer: /customer, reason: /reason }}
      - action: delete_customer
        match: DELETE /v1/customers/{{customer}}
        risk_tier: critical
        title: "Delete customer {{params.customer}} for good"

policies:
  - name: reads pass
    action: read_*
    decision: auto_approve
  - name: small refunds
    action: issue_refund
    when: params.amount > 0 && params.amount <= 10000
    decision: auto_approve
  - name: customers are deleted by people
    action: delete_customer
    decision: auto_deny
    message: "Not executed: customers are deleted by people, never by agents. Open a ticket with the privacy team instead."
"#,
            folder = self.folder.display(),
        )
    }
}

/// The usual port where it is free, another one else.
fn free(usual: u16) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", usual)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    Ok(listener.context("finding a free port")?.local_addr()?)
}
