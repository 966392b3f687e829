//! How the hops speak to one another: HTTP over mutual TLS.

use crate::Result;
use crate::hops::{audience, spiffe};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis::Gate;
use portcullis::delegate::{ActOnBehalfLayer, CredentialExchange, OnBehalfOf, OutboundError};
use portcullis::fetch::HttpsClient;
use portcullis::jwt::ClientAuthentication;
use portcullis::serve::{ClientTls, TlsAcceptor, rustls::client_config};
use portcullis::trust::{Identity, TrustBundles};
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::{Layer, ServiceExt};

pub(crate) fn bundles(folder: &Path) -> Result<TrustBundles> {
    Ok(TrustBundles::builder().spiffe("prod.example", folder.join("roots.pem")).build()?)
}

fn identity(folder: &Path, role: &str) -> Result<Identity> {
    Ok(Identity::files(folder.join(format!("{role}.pem")), folder.join(format!("{role}.key")))?)
}

/// Lets in whoever shows a certificate of the trust domain; what it may is the gate's to say.
pub(crate) fn acceptor(folder: &Path, role: &str) -> Result<TlsAcceptor> {
    let acceptor = TlsAcceptor::builder(identity(folder, role)?);
    Ok(acceptor.require_client_certificates(bundles(folder)?).build()?)
}

/// The next hop, and how a credential of the user is had for it.
pub(crate) struct Next {
    address: SocketAddr,
    tls: ClientTls,
    on_behalf: ActOnBehalfLayer,
}

impl Next {
    /// From `role` to `next`, by the exchange at `sts`, with these scopes of the user's at most.
    pub(crate) fn new(
        gate: &Gate,
        folder: &Path,
        role: &str,
        (next, hop, address): (&str, &str, SocketAddr),
        sts: SocketAddr,
        scopes: &[&str],
    ) -> Result<Self> {
        let fetch = HttpsClient::builder()
            .internal_host("localhost")
            .roots_pem(fs::read_to_string(folder.join("roots.pem"))?)
            .identity(identity(folder, role)?)
            .build()?;
        let endpoint = format!("https://localhost:{}/token", sts.port());
        let exchange = CredentialExchange::rfc8693(endpoint, ClientAuthentication::certificate(role), fetch);
        let on_behalf = gate
            .act_on_behalf(exchange)
            .audience(audience(next))
            .destination(format!("https://localhost:{}", address.port()))
            .hop(hop);
        let on_behalf = scopes.iter().fold(on_behalf, |layer, scope| layer.scope(*scope)).build()?;
        let tls =
            ClientTls::builder(bundles(folder)?).server(&spiffe(next)).identity(identity(folder, role)?);
        Ok(Self { address, tls: tls.build()?, on_behalf })
    }

    /// Asks on behalf of `caller`: the status and the body of the answer.
    pub(crate) async fn ask(
        &self,
        caller: &OnBehalfOf,
        path: &str,
        prompt: &str,
    ) -> std::result::Result<(u16, Value), OutboundError<Box<dyn Error + Send + Sync>>> {
        let (address, tls) = (self.address, self.tls.clone());
        let wire = tower::service_fn(move |request| send(address, tls.clone(), request));
        let body = json!({ "prompt": prompt, "max_tokens": 64 }).to_string();
        let request = Request::post(format!("https://localhost:{}{path}", address.port()))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)));
        let failed = |error: Box<dyn Error + Send + Sync>| OutboundError::Failed { hop: path.into(), error };
        let request = request.map_err(|error| failed(error.into()))?;
        let response = self.on_behalf.layer(wire).on_behalf_of(caller.clone()).oneshot(request).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.map_err(|error| failed(error.into()))?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// One connection for each call: what matters here is who shows which certificate.
async fn send(
    address: SocketAddr,
    tls: ClientTls,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>> {
    let socket = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(client_config(&tls)).connect("localhost".try_into()?, socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().cloned().ok_or("a request has a path")?;
    *request.uri_mut() = Uri::from(path);
    Ok(sender.send_request(request).await?)
}

/// As a user's browser does, on loopback.
pub(crate) async fn ask_web(
    address: SocketAddr,
    credential: &str,
    id: &str,
    prompt: &str,
) -> Result<(u16, Value)> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let request = Request::post("/ask")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .header("x-request-id", id)
        .body(Full::new(Bytes::from(json!({ "prompt": prompt, "max_tokens": 64 }).to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    Ok((status, serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?))
}
