//! Logs as controllers write them, with a timestamp before each line as the kubelet serves them.

use std::fmt::Write as _;
use std::io::Write;

/// A format, and who knows it by which name.
#[derive(Debug)]
pub(super) struct Format {
    /// As the table shows it.
    pub(super) name: &'static str,
    /// As hotdesk's flag says it.
    pub(super) flag: &'static str,
    /// What jq makes of a line, to look for the slot in it.
    pub(super) jq: &'static str,
    line: fn(&Request) -> String,
}

pub(super) const FORMATS: [Format; 4] = [
    Format { name: "ingress-nginx, text", flag: "nginx", jq: ".", line: nginx },
    Format {
        name: "ingress-nginx, JSON",
        flag: "nginx-json",
        jq: r#".[31:] | fromjson | .proxyUpstreamName // """#,
        line: nginx_json,
    },
    Format {
        name: "Traefik, JSON",
        flag: "traefik-json",
        jq: r#".[31:] | fromjson | .ServiceName // """#,
        line: traefik,
    },
    Format {
        name: "Envoy Gateway, JSON",
        flag: "envoy-json",
        jq: r#".[31:] | fromjson | .route_name // """#,
        line: envoy,
    },
];

/// Whose requests are in the log.
pub(super) const SLOTS: [&str; 8] =
    ["mewtwo", "pikachu", "eevee", "snorlax", "ditto", "gengar", "onix", "staging-demo"];

const PATHS: [&str; 8] = [
    "/",
    "/cart?id=48151",
    "/api/v2/items/48151?expand=prices&lang=de",
    "/assets/app.8f3c19.js",
    "/graphql",
    "/healthz",
    "/login?next=/orders/1623",
    "/images/products/48151/large.webp",
];

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "okhttp/4.12.0",
    "curl/8.5.0",
    "kube-probe/1.33",
    "Go-http-client/2.0",
];

/// How many different lines there are, before they come again.
const LINES: u64 = 20_000;

/// One request.
struct Request {
    slot: &'static str,
    service: &'static str,
    path: &'static str,
    agent: &'static str,
    clock: String,
    nanoseconds: u64,
    client: String,
    status: u16,
    bytes: u64,
    seconds: String,
    id: String,
}

/// Writes so many bytes of whole lines.
pub(super) fn write(mut to: impl Write, format: &Format, bytes: u64) -> std::io::Result<()> {
    let mut dice = Dice(7);
    let mut piece = String::new();
    for number in 0..LINES {
        let request = Request::new(&mut dice, number);
        let stamp = format!("2026-11-23T{}.{:09}Z", request.clock, request.nanoseconds);
        // Writing to a text cannot fail.
        let _written = writeln!(piece, "{stamp} {}", (format.line)(&request));
    }
    let mut left = bytes;
    while left > 0 {
        let end = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let whole = piece.get(..end).and_then(|part| part.rfind('\n')).map_or(0, |last| last + 1);
        to.write_all(piece.as_bytes().get(..whole).unwrap_or_default())?;
        left = if end == piece.len() { left - end as u64 } else { 0 };
    }
    to.flush()
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than what it is the remainder of")]
    fn choose<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[usize::try_from(self.roll()).unwrap_or_default() % N]
    }
}

impl Request {
    fn new(dice: &mut Dice, number: u64) -> Self {
        let second = number / 40;
        Self {
            slot: dice.choose(SLOTS),
            service: dice.choose(["web-80", "api-http", "graphql-8080"]),
            path: dice.choose(PATHS),
            agent: dice.choose(AGENTS),
            clock: format!("{:02}:{:02}:{:02}", 14 + second / 3600 % 8, second / 60 % 60, second % 60),
            nanoseconds: dice.roll() % 1_000_000_000,
            client: format!("10.{}.{}.{}", dice.roll() % 256, dice.roll() % 256, dice.roll() % 256),
            status: dice.choose([200, 200, 200, 304, 404, 502]),
            bytes: dice.roll() % 90_000,
            seconds: format!("0.{:03}", dice.roll() % 1000),
            id: format!("{:08x}{:08x}{:08x}{:08x}", dice.roll(), dice.roll(), dice.roll(), dice.roll()),
        }
    }
}

fn nginx(request: &Request) -> String {
    let Request { slot, service, path, agent, clock, client, status, bytes, seconds, id, .. } = request;
    format!(
        "{client} - - [23/Nov/2026:{clock} +0000] \"GET {path} HTTP/2.0\" {status} {bytes} \
         \"https://{slot}.dev.example.com/\" \"{agent}\" 512 {seconds} [{slot}-{service}] [] 10.244.1.7:8080 {bytes} \
         {seconds} {status} {id}"
    )
}

/// The format that ingress-nginx's documentation shows, and the fields that name the Ingress.
fn nginx_json(request: &Request) -> String {
    let Request { slot, service, path, agent, clock, client, status, bytes, seconds, id, .. } = request;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    format!(
        "{{\"time\": \"2026-11-23T{clock}+00:00\", \"remote_addr\": \"{client}\", \"x_forwarded_for\": \"{client}\", \
         \"request_id\": \"{id}\", \"remote_user\": \"\", \"bytes_sent\": {bytes}, \"request_time\": {seconds}, \
         \"status\": {status}, \"vhost\": \"{slot}.dev.example.com\", \"request_proto\": \"HTTP/2.0\", \
         \"path\": \"{path}\", \"request_query\": \"{query}\", \"request_length\": 512, \"duration\": {seconds}, \
         \"method\": \"GET\", \"http_referrer\": \"https://{slot}.dev.example.com/\", \"http_user_agent\": \"{agent}\", \
         \"proxyUpstreamName\": \"{slot}-{service}\", \"proxyAlternativeUpstreamName\": \"\", \
         \"namespace\": \"{slot}\", \"ingress_name\": \"web\", \"service_name\": \"web\", \"service_port\": \"80\"}}"
    )
}

fn traefik(request: &Request) -> String {
    let Request { slot, service, path, agent, clock, nanoseconds, client, status, bytes, .. } = request;
    // As Go writes it.
    let path = path.replace('&', "\\u0026");
    format!(
        "{{\"ClientAddr\":\"{client}:51234\",\"ClientHost\":\"{client}\",\"ClientPort\":\"51234\",\
         \"ClientUsername\":\"-\",\"DownstreamContentSize\":{bytes},\"DownstreamStatus\":{status},\"Duration\":4120377,\
         \"OriginContentSize\":{bytes},\"OriginDuration\":3904211,\"OriginStatus\":{status},\"Overhead\":216166,\
         \"RequestAddr\":\"{slot}.dev.example.com\",\"RequestContentSize\":0,\"RequestCount\":4711,\
         \"RequestHost\":\"{slot}.dev.example.com\",\"RequestMethod\":\"GET\",\"RequestPath\":\"{path}\",\
         \"RequestPort\":\"-\",\"RequestProtocol\":\"HTTP/2.0\",\"RequestScheme\":\"https\",\"RetryAttempts\":0,\
         \"RouterName\":\"{slot}-web-{slot}-dev-example-com@kubernetes\",\"ServiceAddr\":\"10.244.0.7:8080\",\
         \"ServiceName\":\"{slot}-{service}@kubernetes\",\"ServiceURL\":\"http://10.244.0.7:8080\",\
         \"StartLocal\":\"2026-11-23T{clock}.{nanoseconds:09}Z\",\"StartUTC\":\"2026-11-23T{clock}.{nanoseconds:09}Z\",\
         \"TLSCipher\":\"TLS_AES_128_GCM_SHA256\",\"TLSVersion\":\"1.3\",\"entryPointName\":\"websecure\",\
         \"level\":\"info\",\"msg\":\"\",\"request_User-Agent\":\"{agent}\",\"time\":\"2026-11-23T{clock}Z\"}}"
    )
}

fn envoy(request: &Request) -> String {
    let Request { slot, path, agent, clock, nanoseconds, client, status, bytes, id, .. } = request;
    format!(
        "{{\":authority\":\"{slot}.dev.example.com\",\"bytes_received\":0,\"bytes_sent\":{bytes},\
         \"connection_termination_details\":null,\"downstream_local_address\":\"10.244.0.9:10080\",\
         \"downstream_remote_address\":\"{client}:51234\",\"duration\":3,\"method\":\"GET\",\"protocol\":\"HTTP/2\",\
         \"requested_server_name\":null,\"response_code\":{status},\"response_code_details\":\"via_upstream\",\
         \"response_flags\":\"-\",\"route_name\":\"httproute/{slot}/web/rule/0/match/0/{slot}_dev_example_com\",\
         \"start_time\":\"2026-11-23T{clock}.{:03}Z\",\"upstream_cluster\":\"httproute/{slot}/web/rule/0\",\
         \"upstream_host\":\"10.244.0.7:8080\",\"upstream_local_address\":\"10.244.0.9:41000\",\
         \"upstream_transport_failure_reason\":null,\"user-agent\":\"{agent}\",\"x-envoy-origin-path\":\"{path}\",\
         \"x-envoy-upstream-service-time\":null,\"x-forwarded-for\":\"{client}\",\"x-request-id\":\"{id}\"}}",
        nanoseconds / 1_000_000
    )
}
