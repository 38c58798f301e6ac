// Command reference is hotdesk's gate and stamp as an ordinary webhook in Go: a controller-runtime manager with a cache
// of the Slots and two handlers. The benchmarks run it beside hotdesk.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// How long a readiness check waits for the cache of Slots.
const syncCheckTimeout = 100 * time.Millisecond

type settings struct {
	listen       string
	healthListen string
	certDir      string
}

func main() {
	var s settings
	flag.StringVar(&s.listen, "listen", "127.0.0.1:9443", "address and port of /mutate and /validate (TLS)")
	flag.StringVar(&s.healthListen, "health-listen", "127.0.0.1:8081", "address and port of /healthz and /readyz (plain HTTP)")
	flag.StringVar(&s.certDir, "cert-dir", "", "directory with tls.crt and tls.key")
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))

	if err := run(ctrl.SetupSignalHandler(), s); err != nil {
		ctrl.Log.Error(err, "the webhook stopped")
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	mgr, err := newManager(s)
	if err != nil {
		return err
	}
	// The informer is made before the start, so that the first review need not wait for it.
	if _, err := mgr.GetCache().GetInformer(ctx, &Slot{}); err != nil {
		return fmt.Errorf("watching Slots: %w", err)
	}
	if err := addChecks(mgr); err != nil {
		return err
	}
	gate := gate{slots: mgr.GetClient(), now: time.Now}
	hooks := mgr.GetWebhookServer()
	hooks.Register("/validate", &webhook.Admission{Handler: &validator{gate: gate}})
	hooks.Register("/mutate", &webhook.Admission{Handler: &mutator{gate: gate, decoder: admission.NewDecoder(mgr.GetScheme())}})
	return mgr.Start(ctx)
}

func newManager(s settings) (manager.Manager, error) {
	host, port, err := hostAndPort(s.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %q: %w", s.listen, err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("reading KUBECONFIG: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := addSlots(scheme); err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: s.healthListen,
		WebhookServer: webhook.NewServer(webhook.Options{
			Host:    host,
			Port:    port,
			CertDir: s.certDir,
			TLSOpts: []func(*tls.Config){onlyHTTP1},
		}),
	})
}

// onlyHTTP1 is what kubebuilder's scaffolding does unless told otherwise.
func onlyHTTP1(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }

func hostAndPort(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	return host, port, err
}

func addChecks(mgr manager.Manager) error {
	return errors.Join(
		mgr.AddHealthzCheck("started", mgr.GetWebhookServer().StartedChecker()),
		mgr.AddReadyzCheck("started", mgr.GetWebhookServer().StartedChecker()),
		mgr.AddReadyzCheck("slots", synced(mgr.GetCache())),
	)
}

func synced(c cache.Cache) func(*http.Request) error {
	return func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), syncCheckTimeout)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the cache of Slots is not filled yet")
		}
		return nil
	}
}
