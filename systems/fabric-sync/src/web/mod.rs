//! Status page, health and metrics over HTTP, for reading only. Nobody signs in: whoever reaches the address reads the status.

mod host;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use fabric_kubernetes::Leader;
use jiff::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use crate::report::Report;

/// How every fabric is; shared by those who find out and those who show it.
#[derive(Debug, Default)]
pub struct Board(RwLock<Vec<Place>>);

/// A fabric's report, and who knows whether this instance leads for it at the moment at which somebody asks.
#[derive(Debug)]
struct Place {
    report: Report,
    leader: Option<Leader>,
}

/// What `/status.json` says.
#[derive(Debug, Serialize, Deserialize)]
pub struct StatusDocument {
    /// The program's version.
    pub version: String,
    /// Each fabric.
    pub fabrics: Vec<Report>,
}

impl Board {
    /// Another fabric, shown after the others; with `leader`, that one is asked whether this instance leads.
    pub fn add(&self, report: Report, leader: Option<Leader>) {
        self.0.write().push(Place { report, leader });
    }

    /// Puts a fabric's report in its place.
    pub fn publish(&self, report: Report) {
        if let Some(place) = self.0.write().iter_mut().find(|place| place.report.fabric == report.fabric) {
            place.report = report;
        }
    }

    /// Puts a fabric's last report in its place: nobody works on it any more, so it is led by nobody here.
    pub fn retire(&self, report: Report) {
        if let Some(place) = self.0.write().iter_mut().find(|place| place.report.fabric == report.fabric) {
            *place = Place { report, leader: None };
        }
    }

    /// All reports as they are now. Who leads is asked now: a report is as old as what its fabric's task last did.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        let now = |place: &Place| {
            let mut report = place.report.clone();
            if let Some(leader) = &place.leader {
                report.leader = leader.may_write();
            }
            report
        };
        self.0.read().iter().map(now).collect()
    }
}

#[derive(Clone)]
struct Shown {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    note: Option<&'static str>,
}

/// Everything that is served, to those who ask for an address or one of `host_names`. `note` stands on top of every page.
pub fn app(
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    note: Option<&'static str>,
    host_names: &[String],
) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/fabrics/{fabric}", get(fabric))
        .route("/style.css", get(style))
        .route("/status.json", get(status))
        .route("/metrics", get(metrics_text))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .with_state(Shown { board, metrics, note })
        .layer(middleware::from_fn_with_state(host::Names::new(host_names), host::check))
}

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

async fn overview(State(shown): State<Shown>) -> Response {
    let page = page::overview(&shown.board.reports(), shown.note, Timestamp::now());
    (HEADERS, Html(page.into_string())).into_response()
}

async fn fabric(State(shown): State<Shown>, Path(name): Path<String>) -> Response {
    let reports = shown.board.reports();
    match reports.iter().find(|report| report.fabric == name) {
        Some(report) => {
            let page = page::fabric(report, shown.note, Timestamp::now());
            (HEADERS, Html(page.into_string())).into_response()
        }
        None => (StatusCode::NOT_FOUND, HEADERS, "no such fabric\n").into_response(),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

async fn status(State(shown): State<Shown>) -> Response {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    axum::Json(StatusDocument { version, fabrics: shown.board.reports() }).into_response()
}

async fn metrics_text(State(shown): State<Shown>) -> Response {
    let text = shown.metrics.render(&shown.board.reports(), Timestamp::now());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Ready once every fabric has been looked at; what the looks found is the status' matter.
async fn ready(State(shown): State<Shown>) -> Response {
    let reports = shown.board.reports();
    let waiting: Vec<&str> =
        reports.iter().filter(|report| !report.is_settled()).map(|report| report.fabric.as_str()).collect();
    if waiting.is_empty() {
        return "ready\n".into_response();
    }
    let text = format!("not looked at yet: {}\n", waiting.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}
