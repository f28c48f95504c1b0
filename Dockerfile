# The image of `berth`: one bundle on a Node base, nothing else.
#
#   docker build -t berth .
#
# needs only this folder. Where the registry cannot be reached, or the bundle was built before (`npm run build`):
#
#   buildah bud --format docker --build-arg BUNDLE=prebuilt --build-arg BASE=localhost/node:24 -t localhost/berth:dev .
#
# (`--format docker`, since the OCI format has no HEALTHCHECK.)

# Runs the server. It needs a `node` in its PATH and nothing more: no shell, no npm.
ARG BASE=docker.io/library/node:24.21.0-slim
# Builds the bundle, and leaves with it.
ARG BUILDER=docker.io/library/node:24.21.0-slim
# Where the bundle comes from: `built` here, or `prebuilt` in build/image.
ARG BUNDLE=built

FROM ${BUILDER} AS built
WORKDIR /source
# The dependencies first: they change less often than the sources, and their layer is kept.
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node_modules/.bin/node scripts/build.ts && mv build/image /bundle

FROM scratch AS prebuilt
COPY build/image /bundle

FROM ${BUNDLE} AS bundle

FROM ${BASE}
# Copied only, so that the base needs no shell.
COPY --from=bundle /bundle /app
ENV NODE_ENV=production \
    BERTH_HOST=0.0.0.0
# Clients, metrics and probes, peers.
EXPOSE 8000 9464 8001
# A number, since Kubernetes' runAsNonRoot cannot check a name.
USER 1000:1000
# For Docker and Podman, which have no probes; Kubernetes ignores it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.BERTH_ADMIN_PORT ?? 9464}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/cli/main.js"]
CMD ["serve"]
