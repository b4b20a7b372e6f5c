"""A Compose file that is valid, for tests that change one thing in it."""

VALID = """\
name: small
services:
  store:
    image: store:${SERIES}
    volumes: ["data:/var/lib/store", "./config/store.conf:/etc/store.conf:ro"]
    secrets: [password]
    tmpfs: ["/tmp:mode=1777", "/run/store:mode=0700"]
    healthcheck: {test: [CMD, /usr/bin/ask, "--cost=$$5"]}
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
  setup:
    image: web:${SERIES}
    command: [/usr/bin/setup, "${SERIES}"]
    environment: {PASSWORD: "${PASSWORD}"}
    depends_on: {store: {condition: service_healthy}}
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
  web:
    image: web:${SERIES}
    depends_on:
      setup: {condition: service_completed_successfully}
      store: {condition: service_started}
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
volumes:
  data: {}
secrets:
  password: {file: ./secrets/password}
"""
