//! Which user agents are programs that look whether something is there, so that their requests do not count as use?

use globset::{Glob, GlobSet, GlobSetBuilder};

/// Health checkers, uptime services, scanners of the Internet and certificate agents: globs, comma-separated. Each begins or
/// ends where the program's own name does, so that an agent that only resembles one is a person's.
pub const DEFAULT: &str = "kube-probe/*,GoogleHC/*,ELB-HealthChecker/*,Amazon-Route53-Health-Check-Service*,\
    GoogleStackdriverMonitoring-UptimeChecks*,Edge Health Probe*,Load Balancer Agent*,Azure Traffic Manager Endpoint Monitor*,\
    Mozilla/5.0 (compatible;Cloudflare-Healthchecks/*,Mozilla/5.0 (compatible; Cloudflare-Healthchecks/*,\
    Mozilla/5.0 (compatible;Cloudflare-Traffic-Manager/*,Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/*,\
    Envoy/HC,Consul Health Check,check_http/*,Prometheus/*,Blackbox Exporter/*,Blackbox-Exporter/*,\
    *UptimeRobot/*,Uptime-Kuma/*,Better Stack Better Uptime Bot*,Better Uptime Bot*,Pingdom.com_bot_version_*,\
    DatadogSynthetics*,Datadog/Synthetics*,StatusCake*,Site24x7*,Checkly/*,\
    DigitalOcean Uptime Probe*,HetrixTools Uptime Monitoring Bot*,Elastic-Heartbeat/*,Gatus/*,\
    NewRelicPinger/*,updown.io daemon *,Freshping/*,Monit/*,Zabbix,Zabbix *,Datadog Agent/*,synthetic-monitoring-agent/*,\
    Mozilla/5.0 (compatible; CensysInspect/*,Mozilla/5.0 (compatible; InternetMeasurement/*,\
    Mozilla/5.0 zgrab/*,Mozilla/5.0 (compatible; Nmap Scripting Engine*,masscan/*,\
    Nuclei - Open-source project*,Mozilla/5.0 (l9scan/*,l9explore/*,l9tcpid/*,Mozilla/5.0 (compatible; ModatScanner/*,\
    Mozilla/5.0 (compatible; Odin; *,\
    Expanse? a Palo Alto Networks company*,Hello from Palo Alto Networks*,\
    *(compatible; Googlebot/*,*; compatible; Googlebot/*,*compatible; bingbot/*,cert-manager/*,cert-manager-challenges/*,\
    Mozilla/5.0 (compatible; Let's Encrypt validation server*";

/// The same, compiled; a glob that is none is left out.
#[must_use]
pub fn globs() -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in DEFAULT.split(',').filter_map(|glob| Glob::new(glob).ok()) {
        set.add(glob);
    }
    set.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_glob_and_none_takes_in_a_person() {
        for glob in DEFAULT.split(',') {
            assert!(Glob::new(glob).is_ok() && glob.trim() == glob, "{glob}");
        }
        for agent in [
            "Mozilla/5.0 (X11; Linux x86_64) uptime-board/2.1",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Mozilla/5.0 (compatible; censys-reader/1.0)",
            "my-cert-manager/1.0",
            "okhttp/4.12.0",
            "Envoy/HCX",
            "Monitor/1.0",
            "Mozilla/5.0 (X11; Linux x86_64) not-a-Googlebot/2.1",
            "-",
        ] {
            assert!(!globs().is_match(agent), "{agent}");
        }
    }

    #[test]
    fn programs_that_only_look_are_known() {
        for agent in [
            "kube-probe/1.37",
            "Amazon-Route53-Health-Check-Service (ref 0000)",
            "GoogleStackdriverMonitoring-UptimeChecks",
            "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)",
            "Envoy/HC",
            "Uptime-Kuma/1.23.11",
            "Blackbox Exporter/0.24.0",
            "Better Stack Better Uptime Bot",
            "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            "DatadogSynthetics",
            "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
            "Mozilla/5.0 zgrab/0.x",
            "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
            "NewRelicPinger/1.0 (1234)",
            "updown.io daemon 2.11",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/120",
            "cert-manager/v1.6.1 (clean)",
            "cert-manager-challenges/v1.16.1 (linux/amd64)",
            "Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)",
        ] {
            assert!(globs().is_match(agent), "{agent}");
        }
    }
}
