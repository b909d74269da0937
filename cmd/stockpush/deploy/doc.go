// Package deploy holds what platform teams install beside the program: alerting rules' tests,
// dashboards, the Helm chart, packages and the image. It has tests only.
package deploy
