# Two images: `service`, without TensorFlow, and `trainer`. Builds with BuildKit and with the legacy builder.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS service-packages
COPY requirements/service.txt /tmp/
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /tmp/service.txt

FROM ${BASE} AS native
COPY requirements/native.txt /tmp/
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /tmp/native.txt
COPY contract/__init__.py contract/native.py contract/native.c /app/contract/
WORKDIR /app
RUN /venv/bin/python -m contract.native

FROM ${BASE} AS service
COPY --from=service-packages /venv /venv
COPY --from=native /app/contract/native-*.so /app/contract/
COPY contract /app/contract
COPY service /app/service
COPY --chown=10001:10001 models /models
RUN chmod -R a+rX /app
WORKDIR /app
USER 10001:10001
ENV DIGITS_HOST=0.0.0.0 DIGITS_MODEL_STORE=/models PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
EXPOSE 8000
ENTRYPOINT ["/venv/bin/python", "-m", "service"]

FROM ${BASE} AS trainer-packages
COPY requirements/trainer.txt /tmp/
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /tmp/trainer.txt

FROM ${BASE} AS trainer
COPY --from=trainer-packages /venv /venv
COPY --from=native /app/contract/native-*.so /app/contract/
COPY contract /app/contract
COPY trainer /app/trainer
COPY --chown=10001:10001 models /models
RUN install -d -o 10001 -g 10001 /data && chmod -R a+rX /app
WORKDIR /app
USER 10001:10001
ARG REVISION=unknown
ENV DIGITS_CACHE=/data DIGITS_MODEL_STORE=/models DIGITS_REVISION=${REVISION} MPLCONFIGDIR=/tmp PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["/venv/bin/python", "-m", "trainer"]
CMD ["train"]
