# The image of `berth`: one bundle on a Node base, nothing else.
#
#   docker build -t berth .
#
# needs only this folder. Where the registry cannot be reached, or the bundle was built before (`npm run build`):
#
#   buildah bud --format docker --build-arg BUNDLE=prebuilt --build-arg BASE=localhost/node:24 -t localhost/berth:dev .
#
# (`--format docker`, since the OCI format has no HEALTHCHECK. Buildah 1.28 overlooks stages that only a default names:
# to build everything with it, say `--build-arg BUNDLE=built --build-arg BASE=slim`.)

# Node, with npm, to build with.
ARG NODE=docker.io/library/node:24.21.0-slim
# What the server runs on: `slim`, made here of the one above, or an image with a `node` in its PATH; no shell is needed.
ARG BASE=slim
# Where the bundle comes from: `built` here, or `prebuilt` in build/image.
ARG BUNDLE=built

FROM ${NODE} AS built
WORKDIR /source
# The dependencies first: they change less often than the sources, and their layer is kept.
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node_modules/.bin/node scripts/build.ts && mv build/image /bundle

FROM scratch AS prebuilt
COPY build/image /bundle

FROM ${BUNDLE} AS bundle

FROM ${NODE} AS trimmed
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
    /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*

# What a layer removes is still in the layers below; copied into an empty image it is gone.
FROM scratch AS slim
COPY --from=trimmed / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

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
