package kafkaconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// The AWS SDK is a hundred times larger than this file, which knows the two sources that need no
// further service of AWS: variables, and the endpoint that ECS and EKS Pod Identity offer.

// ErrNoAWSCredentials says that no supported source has credentials.
var ErrNoAWSCredentials = errors.New("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), " +
	"or run with an ECS task role or EKS Pod Identity, which set AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI")

// ecsHost serves the credentials of ECS tasks.
const ecsHost = "http://169.254.170.2"

// awsIAM logs in to Amazon MSK with a signature of the process's AWS credentials.
func awsIAM() sasl.Mechanism {
	role := containerRole{client: &http.Client{Timeout: tokenTimeout, Transport: &http.Transport{Proxy: nil}}}
	return aws.ManagedStreamingIAM(func(ctx context.Context) (aws.Auth, error) {
		auth := aws.Auth{
			AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"), UserAgent: "stockpush",
		}
		if auth.AccessKey != "" && auth.SecretKey != "" {
			return auth, nil
		}
		endpoint := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
		if path := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); endpoint == "" && path != "" {
			endpoint = ecsHost + path
		}
		if endpoint == "" {
			return aws.Auth{}, ErrNoAWSCredentials
		}
		return role.credentials(ctx, endpoint)
	})
}

// containerRole keeps the credentials of the container's role until they end soon.
type containerRole struct {
	client *http.Client

	mu      sync.Mutex
	held    aws.Auth
	expires time.Time
}

// credentialsMargin is how long before their end credentials are replaced.
const credentialsMargin = 5 * time.Minute

func (c *containerRole) credentials(ctx context.Context, endpoint string) (aws.Auth, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Until(c.expires) > credentialsMargin {
		return c.held, nil
	}
	held, expires, err := c.ask(ctx, endpoint)
	if err != nil {
		return aws.Auth{}, fmt.Errorf("AWS credentials of the container: %w", err)
	}
	c.held, c.expires = held, expires
	return held, nil
}

func (c *containerRole) ask(ctx context.Context, endpoint string) (auth aws.Auth, expires time.Time, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return auth, expires, err
	}
	token, err := containerToken()
	if err != nil {
		return auth, expires, err
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return auth, expires, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return auth, expires, fmt.Errorf("the endpoint answers %s", answer.Status)
	}
	var got struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.AccessKeyID == "" || got.SecretAccessKey == "" {
		return auth, expires, errors.New("the endpoint's answer has no credentials")
	}
	return aws.Auth{AccessKey: got.AccessKeyID, SecretKey: got.SecretAccessKey, SessionToken: got.Token, UserAgent: "stockpush"}, got.Expiration, nil
}

// containerToken is what the endpoint may ask for. EKS replaces the file while the process runs.
func containerToken() (string, error) {
	file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	if file == "" {
		return os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), nil
	}
	content, err := os.ReadFile(file)
	return strings.TrimSpace(string(content)), err
}
