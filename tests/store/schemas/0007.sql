SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.refuse_to_change_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of the audit are never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.answered_requests (
    user_uuid uuid NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status integer,
    answer text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    parts bytea[]
);
CREATE TABLE public.audit (
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    user_uuid uuid,
    email text,
    way text NOT NULL,
    address text,
    action text NOT NULL,
    exp_uuid uuid,
    data json NOT NULL,
    account_uuid uuid,
    account text
);
ALTER TABLE public.audit ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.automation_tokens (
    token_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    scopes json NOT NULL,
    experiments json,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) CONSTRAINT alembic_version_version_num_not_null NOT NULL
);
CREATE TABLE public.engine_use (
    user_uuid uuid NOT NULL,
    seconds double precision NOT NULL,
    counted_at timestamp with time zone NOT NULL
);
CREATE TABLE public.events (
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    data json NOT NULL,
    traceparent text
);
CREATE TABLE public.experiments (
    exp_uuid uuid NOT NULL,
    number bigint NOT NULL,
    owner_uuid uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    covars json NOT NULL,
    model_type text NOT NULL,
    acq_func text NOT NULL,
    direction text NOT NULL,
    seed bigint NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    last_seq bigint NOT NULL,
    n_observations bigint NOT NULL,
    best_observation_uuid uuid,
    best_response double precision,
    best_covars json,
    data_rev bigint NOT NULL,
    fit_rev bigint NOT NULL,
    n_open integer NOT NULL,
    n_wanted integer NOT NULL,
    lease_token uuid,
    lease_by text,
    lease_until timestamp with time zone,
    retry_at timestamp with time zone,
    responses json NOT NULL,
    constraints json NOT NULL,
    engine text NOT NULL,
    stop json,
    stopped json,
    space_revision integer NOT NULL,
    best_predicted json,
    fitted_at timestamp with time zone DEFAULT now() NOT NULL,
    paused json,
    paused_by uuid,
    is_long boolean DEFAULT false NOT NULL,
    n_bytes bigint DEFAULT 0 NOT NULL,
    CONSTRAINT experiments_direction_check CHECK ((direction = ANY (ARRAY['maximize'::text, 'minimize'::text]))),
    CONSTRAINT experiments_n_open_check CHECK ((n_open >= 0)),
    CONSTRAINT experiments_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'closed'::text])))
);
ALTER TABLE public.experiments ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.experiments_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.group_members (
    group_uuid uuid NOT NULL,
    email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.groups (
    group_uuid uuid NOT NULL,
    owner_uuid uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.invitations (
    code_hash bytea NOT NULL,
    email text NOT NULL,
    invited_by uuid,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.kept_replies (
    user_uuid uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    n_replies bigint NOT NULL,
    n_bytes bigint NOT NULL
);
CREATE TABLE public.log_epoch (
    epoch uuid NOT NULL
);
CREATE TABLE public.members (
    exp_uuid uuid NOT NULL,
    email text,
    group_uuid uuid,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT members_check CHECK (((email IS NULL) <> (group_uuid IS NULL))),
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'teller'::text, 'editor'::text])))
);
CREATE TABLE public.observation_versions (
    observation_uuid uuid NOT NULL,
    version integer NOT NULL,
    exp_uuid uuid NOT NULL,
    covars json NOT NULL,
    response double precision,
    responses json NOT NULL,
    sds json NOT NULL,
    status text NOT NULL,
    is_excluded boolean NOT NULL,
    reason text,
    user_uuid uuid,
    seq bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    failed_because text
);
CREATE TABLE public.observations (
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    observation_uuid uuid NOT NULL,
    suggestion_uuid uuid,
    covars json NOT NULL,
    response double precision,
    created_at timestamp with time zone NOT NULL,
    responses json NOT NULL,
    sds json NOT NULL,
    status text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    is_excluded boolean DEFAULT false NOT NULL,
    told_by uuid,
    failed_because text,
    note text,
    tags json,
    noted_by uuid,
    noted_at timestamp with time zone,
    CONSTRAINT observations_status_check CHECK ((status = ANY (ARRAY['ok'::text, 'failed'::text])))
);
CREATE TABLE public.questions (
    question_uuid uuid NOT NULL,
    exp_uuid uuid NOT NULL,
    kind text NOT NULL,
    body json NOT NULL,
    body_key text NOT NULL,
    data_rev bigint NOT NULL,
    state text NOT NULL,
    answer json,
    failure text,
    lease_token uuid,
    lease_by text,
    lease_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    is_long boolean DEFAULT false NOT NULL,
    asked_by uuid,
    asked_until timestamp with time zone,
    CONSTRAINT questions_kind_check CHECK ((kind = ANY (ARRAY['suggest'::text, 'predict'::text, 'insights'::text]))),
    CONSTRAINT questions_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'answered'::text, 'failed'::text])))
);
CREATE TABLE public.refresh_tokens (
    token_hash bytea NOT NULL,
    user_uuid uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    session_uuid uuid,
    used_at timestamp with time zone,
    next_hash bytea
);
CREATE TABLE public.refused_sign_ins (
    user_uuid uuid NOT NULL,
    n integer NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE public.reply_parts (
    user_uuid uuid NOT NULL,
    hash bytea NOT NULL,
    text text NOT NULL,
    kept_at timestamp with time zone NOT NULL
);
CREATE TABLE public.reset_codes (
    code_hash bytea NOT NULL,
    user_uuid uuid NOT NULL,
    issued_by uuid,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.sessions (
    session_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    is_browser boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_because text
);
CREATE TABLE public.sign_in_pots (
    name text NOT NULL,
    used double precision NOT NULL,
    level integer NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    signed_in_at timestamp with time zone
);
CREATE TABLE public.spaces (
    exp_uuid uuid NOT NULL,
    revision integer NOT NULL,
    covars json NOT NULL,
    constraints json NOT NULL,
    backfill json NOT NULL,
    seq bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.suggestions (
    suggestion_uuid uuid NOT NULL,
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    covars json NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    mean double precision,
    sd double precision,
    data_rev bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    predictions json NOT NULL,
    acquisition double precision,
    engine_version text,
    seed bigint,
    data_seq bigint,
    seconds double precision,
    fixed json NOT NULL,
    fixed_key text,
    lease_by text,
    lease_until timestamp with time zone,
    abandoned_because text,
    acquisition_kind text,
    CONSTRAINT suggestions_state_check CHECK ((state = ANY (ARRAY['open'::text, 'leased'::text, 'told'::text, 'abandoned'::text, 'expired'::text, 'superseded'::text])))
);
CREATE TABLE public.tickets (
    ticket_hash bytea NOT NULL,
    session_uuid uuid,
    token_uuid uuid,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.users (
    user_uuid uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    is_admin boolean DEFAULT false NOT NULL,
    deleted_at timestamp with time zone,
    is_verified boolean DEFAULT true NOT NULL
);
INSERT INTO public.answered_requests (user_uuid, key, body_hash, status, answer, created_at, parts) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 'key', '\x626f6479', 200, '{"observation_uuid":"80a33f39-baf0-4036-88ee-06c3ff432b61","seq":3,"covars":{"x":0.5,"k":1,"color":"red"},"response":1.0,"responses":{"taste":1.0,"cost":2.0,"size":0.75},"sds":{"taste":0.1},"status":"ok","suggestion_uuid":null,"version":2,"is_excluded":true,"time_created":"2026-11-27T00:35:05.117751Z"}', '2026-11-27 09:38:08.858984+00', NULL);
INSERT INTO public.answered_requests (user_uuid, key, body_hash, status, answer, created_at, parts) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 'another key', '\x626f6479', 200, '{"observation_uuid":"6a8c65db-25c0-40da-8d3e-08f2c2807f60","seq":5,"covars":{"x":0.75,"k":3,"color":"red"},"response":null,"responses":{},"sds":{},"status":"failed","failed_because":null,"suggestion_uuid":null,"version":2,"is_excluded":true,"outside":[],"told_by":"d5c02259-4030-421c-8875-216c9e894751","note":null,"tags":[],"noted_by":null,"time_noted":null,"time_created":"2026-11-27T00:35:05.117751Z"}', '2026-11-30 13:36:59.45645+00', NULL);
INSERT INTO public.answered_requests (user_uuid, key, body_hash, status, answer, created_at, parts) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 'key of 0007', '\x626f6479', 200, '{"observation_uuid":"80a33f39-baf0-4036-88ee-06c3ff432b61","seq":3,"covars":{"x":0.5,"k":1,"color":"red"},"response":1.0,"responses":{"taste":1.0,"cost":2.0,"size":0.75},"sds":{"taste":0.1},"status":"ok","failed_because":null,"suggestion_uuid":null,"version":2,"is_excluded":true,"outside":[],"told_by":"d5c02259-4030-421c-8875-216c9e894751","note":null,"tags":[],"noted_by":null,"time_noted":null,"time_created":"2026-11-27T00:35:05.117751Z"}', '2026-11-30 19:43:54.737291+00', NULL);
INSERT INTO public.audit (number, at, user_uuid, email, way, address, action, exp_uuid, data, account_uuid, account) OVERRIDING SYSTEM VALUE VALUES (1, '2026-11-30 19:43:54.75019+00', 'd5c02259-4030-421c-8875-216c9e894751', NULL, 'token', NULL, 'signed_in', NULL, '{}', NULL, NULL);
INSERT INTO public.automation_tokens (token_uuid, user_uuid, name, token_hash, scopes, experiments, created_at, expires_at, last_used_at) VALUES ('bcc948d0-00fd-4a4f-bd0c-af555030dfb8', 'd5c02259-4030-421c-8875-216c9e894751', 'robot', '\x03', '["tell"]', NULL, '2026-11-30 19:43:54.75019+00', NULL, NULL);
INSERT INTO public.alembic_version (version_num) VALUES ('0007');
INSERT INTO public.engine_use (user_uuid, seconds, counted_at) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 1.5, '2026-11-30 19:43:54.75019+00');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 1, 'experiment_created', '2026-11-27 00:35:01.593733+00', '{"exp_uuid": "38927024-51b9-4e7e-8a55-f830404ebedf", "name": "old", "description": "naïve", "covars": {"x": {"role": "design", "active_if": null, "vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0, "log": false, "step": null}, "k": {"role": "design", "active_if": null, "vtype": "int", "guess": 2, "min": 0, "max": 8, "log": false, "step": null}, "color": {"role": "design", "active_if": null, "vtype": "cat", "guess": "red", "options": ["red", "green"], "ordered": false}}, "space_revision": 0, "constraints": [], "direction": "minimize", "responses": {"Response": {"goal": "minimize", "reference": null}}, "engine": "autotune", "model_type": "SingleTaskGP", "acq_func": "auto", "stop": null, "stopped": null, "seed": 3, "state": "active", "n_observations": 0, "best": null, "best_predicted": null, "last_seq": 2, "time_created": "2026-11-27T00:35:01.593733Z", "time_updated": "2026-11-27T00:35:01.593733Z"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 2, 'suggestion_created', '2026-11-27 00:35:01.593733+00', '{"suggestion_uuid": "cee2e9de-f101-40f5-8226-1f0132950c7d", "covars": {"x": 0.25, "k": 2, "color": "red"}, "fixed": {}, "source": "guess", "reason": "the guess that the experiment was described with", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": null, "seed": null, "data_rev": 0, "data_seq": 1, "seconds": null, "time_created": "2026-11-27T00:35:01.593733Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 3, 'observation_added', '2026-11-27 00:35:01.785415+00', '{"observation_uuid": "b4232492-17f3-4391-9b4b-83fb7a036cd9", "seq": 3, "covars": {"x": 0.25, "k": 2, "color": "red"}, "response": 1.5, "responses": {"Response": 1.5}, "sds": {}, "status": "ok", "suggestion_uuid": "cee2e9de-f101-40f5-8226-1f0132950c7d", "time_created": "2026-11-27T00:35:01.785415Z", "n_observations": 1}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 4, 'best_changed', '2026-11-27 00:35:01.785415+00', '{"observation_uuid": "b4232492-17f3-4391-9b4b-83fb7a036cd9", "covars": {"x": 0.25, "k": 2, "color": "red"}, "response": 1.5}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 5, 'observation_added', '2026-11-27 00:35:01.968015+00', '{"observation_uuid": "ee9acace-2b50-4cf9-a8c8-e50a7a98141f", "seq": 5, "covars": {"x": 0.1, "k": 0, "color": "green"}, "response": 1.0, "responses": {"Response": 1.0}, "sds": {}, "status": "ok", "suggestion_uuid": null, "time_created": "2026-11-27T00:35:01.968015Z", "n_observations": 2}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 6, 'best_changed', '2026-11-27 00:35:01.968015+00', '{"observation_uuid": "ee9acace-2b50-4cf9-a8c8-e50a7a98141f", "covars": {"x": 0.1, "k": 0, "color": "green"}, "response": 1.0}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 7, 'suggestion_created', '2026-11-27 00:35:03.964985+00', '{"suggestion_uuid": "253d34e4-a2fd-4c2b-b5db-c8d3ea6a12e5", "covars": {"x": 0.5424921903759241, "k": 5, "color": "green"}, "fixed": {}, "source": "sobol", "reason": "initial design, until 5 configurations are known", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": "0.1.0", "seed": 3, "data_rev": 2, "data_seq": 6, "seconds": 0.08638010199956625, "time_created": "2026-11-27T00:35:03.964985Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 8, 'observation_added', '2026-11-27 00:35:04.046084+00', '{"observation_uuid": "5420d41a-df20-4075-b971-30a52c99c58b", "seq": 8, "covars": {"x": 0.35, "k": 1, "color": "green"}, "response": 0.75, "responses": {"Response": 0.75}, "sds": {}, "status": "ok", "suggestion_uuid": null, "time_created": "2026-11-27T00:35:04.046084Z", "n_observations": 3}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 9, 'best_changed', '2026-11-27 00:35:04.046084+00', '{"observation_uuid": "5420d41a-df20-4075-b971-30a52c99c58b", "covars": {"x": 0.35, "k": 1, "color": "green"}, "response": 0.75}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 10, 'suggestion_created', '2026-11-27 00:35:04.208641+00', '{"suggestion_uuid": "c20e4535-b450-489f-8fa0-120e6cb54daf", "covars": {"x": 0.4809137936681509, "k": 4, "color": "red"}, "fixed": {}, "source": "sobol", "reason": "initial design, until 5 configurations are known", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": "0.1.0", "seed": 3, "data_rev": 3, "data_seq": 9, "seconds": 0.026586289999613655, "time_created": "2026-11-27T00:35:04.208641Z", "superseded": ["253d34e4-a2fd-4c2b-b5db-c8d3ea6a12e5"]}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 11, 'observation_added', '2026-11-27 00:35:04.332877+00', '{"observation_uuid": "0f3fc06c-d364-41a9-8712-6a5f4a6ce702", "seq": 11, "covars": {"x": 0.6, "k": 2, "color": "green"}, "response": 0.5, "responses": {"Response": 0.5}, "sds": {}, "status": "ok", "suggestion_uuid": null, "time_created": "2026-11-27T00:35:04.332877Z", "n_observations": 4}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 12, 'best_changed', '2026-11-27 00:35:04.332877+00', '{"observation_uuid": "0f3fc06c-d364-41a9-8712-6a5f4a6ce702", "covars": {"x": 0.6, "k": 2, "color": "green"}, "response": 0.5}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 13, 'suggestion_created', '2026-11-27 00:35:04.516161+00', '{"suggestion_uuid": "1250f7f0-9e0e-4bbe-9312-7dfa44a4ec98", "covars": {"x": 0.25496556237339973, "k": 5, "color": "red"}, "fixed": {}, "source": "sobol", "reason": "initial design, until 5 configurations are known", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": "0.1.0", "seed": 3, "data_rev": 4, "data_seq": 12, "seconds": 0.024820096000439662, "time_created": "2026-11-27T00:35:04.516161Z", "superseded": ["c20e4535-b450-489f-8fa0-120e6cb54daf"]}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 14, 'suggestion_leased', '2026-11-27 00:35:04.632589+00', '{"suggestion_uuid": "1250f7f0-9e0e-4bbe-9312-7dfa44a4ec98"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 15, 'suggestion_created', '2026-11-27 00:35:04.803872+00', '{"suggestion_uuid": "ec4666fd-4ad1-448e-8593-c2cb8ab41a74", "covars": {"x": 1.0, "k": 3, "color": "green"}, "fixed": {}, "source": "model", "reason": "the highest expected improvement, after 4 observations and with 1 suggestions pending", "mean": 0.3888925139672246, "sd": 0.16835294684668836, "predictions": {"Response": {"mean": 0.3888925139672246, "sd": 0.16835294684668836}}, "acquisition": 0.13684080374182858, "engine_version": "0.1.0", "seed": 3, "data_rev": 4, "data_seq": 14, "seconds": 0.042270885999641905, "time_created": "2026-11-27T00:35:04.803872Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 1, 'experiment_created', '2026-11-27 00:35:04.939283+00', '{"exp_uuid": "4a00703b-a351-484d-9b4a-d4d3527b8077", "name": "closed", "description": "", "covars": {"x": {"role": "design", "active_if": null, "vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0, "log": false, "step": null}, "k": {"role": "design", "active_if": null, "vtype": "int", "guess": 2, "min": 0, "max": 8, "log": false, "step": null}, "color": {"role": "design", "active_if": null, "vtype": "cat", "guess": "red", "options": ["red", "green"], "ordered": false}}, "space_revision": 0, "constraints": [], "direction": "maximize", "responses": {"Response": {"goal": "maximize", "reference": null}}, "engine": "autotune", "model_type": "SingleTaskGP", "acq_func": "auto", "stop": null, "stopped": null, "seed": 4, "state": "active", "n_observations": 0, "best": null, "best_predicted": null, "last_seq": 2, "time_created": "2026-11-27T00:35:04.939283Z", "time_updated": "2026-11-27T00:35:04.939283Z"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 2, 'suggestion_created', '2026-11-27 00:35:04.939283+00', '{"suggestion_uuid": "d252b503-f9c6-4bae-87bf-e40a9de700a7", "covars": {"x": 0.25, "k": 2, "color": "red"}, "fixed": {}, "source": "guess", "reason": "the guess that the experiment was described with", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": null, "seed": null, "data_rev": 0, "data_seq": 1, "seconds": null, "time_created": "2026-11-27T00:35:04.939283Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 3, 'experiment_closed', '2026-11-27 00:35:05.016929+00', '{}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 1, 'experiment_created', '2026-11-27 00:35:05.064984+00', '{"exp_uuid": "1a19bd61-1259-4966-afa8-606526c40917", "name": "several", "description": "", "covars": {"x": {"role": "design", "active_if": null, "vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0, "log": false, "step": null}, "k": {"role": "design", "active_if": null, "vtype": "int", "guess": 2, "min": 0, "max": 8, "log": false, "step": null}, "color": {"role": "design", "active_if": null, "vtype": "cat", "guess": "red", "options": ["red", "green"], "ordered": false}}, "space_revision": 0, "constraints": [{"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0}], "direction": "maximize", "responses": {"taste": {"goal": "maximize", "reference": null}, "cost": {"goal": "minimize", "reference": null}, "size": {"goal": ">=", "bound": 0.5}}, "engine": "autotune", "model_type": "SingleTaskGP", "acq_func": "auto", "stop": {"budget": 50, "plateau": null, "target": null, "min_expected_gain": null}, "stopped": null, "seed": 5, "state": "active", "n_observations": 0, "best": null, "best_predicted": null, "last_seq": 2, "time_created": "2026-11-27T00:35:05.064984Z", "time_updated": "2026-11-27T00:35:05.064984Z"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 2, 'suggestion_created', '2026-11-27 00:35:05.064984+00', '{"suggestion_uuid": "cf9e5719-2d59-44f3-9368-bc0ed0e762e1", "covars": {"x": 0.25, "k": 2, "color": "red"}, "fixed": {}, "source": "guess", "reason": "the guess that the experiment was described with", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": null, "seed": null, "data_rev": 0, "data_seq": 1, "seconds": null, "time_created": "2026-11-27T00:35:05.064984Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 3, 'observation_added', '2026-11-27 00:35:05.117751+00', '{"observation_uuid": "80a33f39-baf0-4036-88ee-06c3ff432b61", "seq": 3, "covars": {"x": 0.5, "k": 1, "color": "red"}, "response": 1.0, "responses": {"taste": 1.0, "cost": 2.0, "size": 0.75}, "sds": {"taste": 0.1}, "status": "ok", "suggestion_uuid": null, "time_created": "2026-11-27T00:35:05.117751Z", "n_observations": 1}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 4, 'best_changed', '2026-11-27 00:35:05.117751+00', '{"observation_uuid": "80a33f39-baf0-4036-88ee-06c3ff432b61", "covars": {"x": 0.5, "k": 1, "color": "red"}, "response": 1.0}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 5, 'observation_added', '2026-11-27 00:35:05.117751+00', '{"observation_uuid": "6a8c65db-25c0-40da-8d3e-08f2c2807f60", "seq": 5, "covars": {"x": 0.75, "k": 3, "color": "red"}, "response": null, "responses": {}, "sds": {}, "status": "failed", "suggestion_uuid": null, "time_created": "2026-11-27T00:35:05.117751Z", "n_observations": 2}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 6, 'space_changed', '2026-11-27 00:35:05.232714+00', '{"revision": 1, "covars": {"x": {"role": "design", "active_if": null, "vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0, "log": false, "step": null}, "k": {"role": "design", "active_if": null, "vtype": "int", "guess": 2, "min": 0, "max": 8, "log": false, "step": null}, "color": {"role": "design", "active_if": null, "vtype": "cat", "guess": "red", "options": ["red", "green"], "ordered": false}, "z": {"role": "design", "active_if": null, "vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0, "log": false, "step": null}}, "constraints": [{"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0}], "backfill": {"z": 0.5}, "changes": ["z: new, a number from 0.0 to 1.0; the runs so far count as 0.5"], "superseded": ["cf9e5719-2d59-44f3-9368-bc0ed0e762e1"]}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 8, 'suggestion_created', '2026-11-27 00:35:05.810345+00', '{"suggestion_uuid": "0eaa44f2-985d-4aba-9609-6e6b9e270471", "covars": {"x": 0.00306632649153471, "k": 7, "color": "green", "z": 0.3377783400937915}, "fixed": {"color": "green"}, "source": "sobol", "reason": "initial design, until 5 configurations are known", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": "0.1.0", "seed": 5, "data_rev": 3, "data_seq": 7, "seconds": 0.012431567999556137, "time_created": "2026-11-27T00:35:05.810345Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 7, 'suggestion_created', '2026-11-27 00:35:05.386024+00', '{"suggestion_uuid": "c8580806-bd39-4201-b90f-3750f773a986", "covars": {"x": 0.15951291099190712, "k": 0, "color": "green", "z": 0.4040089473128319}, "fixed": {}, "source": "sobol", "reason": "initial design, until 5 configurations are known", "mean": null, "sd": null, "predictions": {}, "acquisition": null, "engine_version": "0.1.0", "seed": 5, "data_rev": 3, "data_seq": 6, "seconds": 0.024098589999994147, "time_created": "2026-11-27T00:35:05.386024Z", "superseded": []}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 9, 'suggestion_leased', '2026-11-27 00:35:05.856803+00', '{"suggestion_uuid": "0eaa44f2-985d-4aba-9609-6e6b9e270471"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 10, 'observation_corrected', '2026-11-27 09:38:08.796825+00', '{"observation_uuid": "80a33f39-baf0-4036-88ee-06c3ff432b61", "seq": 3, "covars": {"x": 0.5, "k": 1, "color": "red"}, "response": 1.0, "responses": {"taste": 1.0, "cost": 2.0, "size": 0.75}, "sds": {"taste": 0.1}, "status": "ok", "suggestion_uuid": null, "version": 2, "is_excluded": true, "time_created": "2026-11-27T00:35:05.117751Z", "reason": "a slip"}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 11, 'best_changed', '2026-11-27 09:38:08.796825+00', '{"observation_uuid": null, "covars": null, "response": null}', NULL);
INSERT INTO public.events (exp_uuid, seq, type, created_at, data, traceparent) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 12, 'observation_corrected', '2026-11-30 13:36:59.438796+00', '{"observation_uuid":"6a8c65db-25c0-40da-8d3e-08f2c2807f60","seq":5,"covars":{"x":0.75,"k":3,"color":"red"},"response":null,"responses":{},"sds":{},"status":"failed","failed_because":null,"suggestion_uuid":null,"version":2,"is_excluded":true,"outside":[],"note":null,"tags":[],"time_noted":null,"time_created":"2026-11-27T00:35:05.117751Z","reason":"a slip"}', NULL);
INSERT INTO public.experiments (exp_uuid, number, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at, updated_at, last_seq, n_observations, best_observation_uuid, best_response, best_covars, data_rev, fit_rev, n_open, n_wanted, lease_token, lease_by, lease_until, retry_at, responses, constraints, engine, stop, stopped, space_revision, best_predicted, fitted_at, paused, paused_by, is_long, n_bytes) OVERRIDING SYSTEM VALUE VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 1, 'd5c02259-4030-421c-8875-216c9e894751', 'old', 'naïve', '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', 'SingleTaskGP', 'auto', 'minimize', 3, 'active', '2026-11-27 00:35:01.593733+00', '2026-11-27 00:35:04.803872+00', 15, 4, '0f3fc06c-d364-41a9-8712-6a5f4a6ce702', 0.5, '{"x": 0.6, "k": 2, "color": "green"}', 4, 4, 1, 1, NULL, NULL, NULL, NULL, '{"Response": {"goal": "minimize", "reference": null}}', '[]', 'autotune', NULL, NULL, 0, '{"covars": {"x": 0.6, "k": 2, "color": "green"}, "mean": 0.5000084952020406, "sd": 0.0009881101012731847, "data_rev": 4}', '2026-11-27 09:38:08.545099+00', NULL, NULL, false, 15000);
INSERT INTO public.experiments (exp_uuid, number, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at, updated_at, last_seq, n_observations, best_observation_uuid, best_response, best_covars, data_rev, fit_rev, n_open, n_wanted, lease_token, lease_by, lease_until, retry_at, responses, constraints, engine, stop, stopped, space_revision, best_predicted, fitted_at, paused, paused_by, is_long, n_bytes) OVERRIDING SYSTEM VALUE VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 2, 'd5c02259-4030-421c-8875-216c9e894751', 'closed', '', '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', 'SingleTaskGP', 'auto', 'maximize', 4, 'closed', '2026-11-27 00:35:04.939283+00', '2026-11-27 00:35:05.016929+00', 3, 0, NULL, NULL, NULL, 0, 0, 1, 1, NULL, NULL, NULL, NULL, '{"Response": {"goal": "maximize", "reference": null}}', '[]', 'autotune', NULL, NULL, 0, NULL, '2026-11-27 09:38:08.545099+00', NULL, NULL, false, 3000);
INSERT INTO public.experiments (exp_uuid, number, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at, updated_at, last_seq, n_observations, best_observation_uuid, best_response, best_covars, data_rev, fit_rev, n_open, n_wanted, lease_token, lease_by, lease_until, retry_at, responses, constraints, engine, stop, stopped, space_revision, best_predicted, fitted_at, paused, paused_by, is_long, n_bytes) OVERRIDING SYSTEM VALUE VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 3, 'd5c02259-4030-421c-8875-216c9e894751', 'several', '', '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}, "z": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}', 'SingleTaskGP', 'auto', 'maximize', 5, 'active', '2026-11-27 00:35:05.064984+00', '2026-11-30 13:36:59.438796+00', 12, 2, NULL, NULL, NULL, 5, 3, 1, 1, NULL, NULL, NULL, NULL, '{"taste": {"goal": "maximize", "reference": null}, "cost": {"goal": "minimize", "reference": null}, "size": {"goal": ">=", "bound": 0.5}}', '[{"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0}]', 'autotune', '{"budget": 50, "plateau": null, "target": null, "min_expected_gain": null}', NULL, 1, '{"covars": {"x": 0.5, "k": 1, "color": "red", "z": 0.5}, "mean": 1.0, "sd": 0.09919702586005097, "data_rev": 3}', '2026-11-27 09:38:08.545099+00', NULL, NULL, false, 12000);
INSERT INTO public.group_members (group_uuid, email, created_at) VALUES ('f2861c9b-aa04-492e-ad1d-566347fe501b', 'bob@example.org', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.groups (group_uuid, owner_uuid, name, created_at) VALUES ('f2861c9b-aa04-492e-ad1d-566347fe501b', 'd5c02259-4030-421c-8875-216c9e894751', 'lab', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.invitations (code_hash, email, invited_by, created_at, expires_at) VALUES ('\x01', 'bob@example.org', NULL, '2026-11-30 19:43:54.75019+00', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.kept_replies (user_uuid, hour, n_replies, n_bytes) VALUES ('d5c02259-4030-421c-8875-216c9e894751', '2026-11-30 19:43:54.75019+00', 1, 2);
INSERT INTO public.log_epoch (epoch) VALUES ('00000001-99e2-4775-8368-b5fa7619882a');
INSERT INTO public.members (exp_uuid, email, group_uuid, role, created_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 'bob@example.org', NULL, 'viewer', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.members (exp_uuid, email, group_uuid, role, created_at) VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 'bob@example.org', NULL, 'viewer', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.members (exp_uuid, email, group_uuid, role, created_at) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 'bob@example.org', NULL, 'viewer', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.observation_versions (observation_uuid, version, exp_uuid, covars, response, responses, sds, status, is_excluded, reason, user_uuid, seq, created_at, failed_because) VALUES ('80a33f39-baf0-4036-88ee-06c3ff432b61', 1, '1a19bd61-1259-4966-afa8-606526c40917', '{"x": 0.5, "k": 1, "color": "red"}', 1, '{"taste": 1.0, "cost": 2.0, "size": 0.75}', '{"taste": 0.1}', 'ok', false, NULL, NULL, 3, '2026-11-27 00:35:05.117751+00', NULL);
INSERT INTO public.observation_versions (observation_uuid, version, exp_uuid, covars, response, responses, sds, status, is_excluded, reason, user_uuid, seq, created_at, failed_because) VALUES ('80a33f39-baf0-4036-88ee-06c3ff432b61', 2, '1a19bd61-1259-4966-afa8-606526c40917', '{"x": 0.5, "k": 1, "color": "red"}', 1, '{"taste": 1.0, "cost": 2.0, "size": 0.75}', '{"taste": 0.1}', 'ok', true, 'a slip', 'd5c02259-4030-421c-8875-216c9e894751', 10, '2026-11-27 09:38:08.796825+00', NULL);
INSERT INTO public.observation_versions (observation_uuid, version, exp_uuid, covars, response, responses, sds, status, is_excluded, reason, user_uuid, seq, created_at, failed_because) VALUES ('6a8c65db-25c0-40da-8d3e-08f2c2807f60', 1, '1a19bd61-1259-4966-afa8-606526c40917', '{"x":0.75,"k":3,"color":"red"}', NULL, '{}', '{}', 'failed', false, NULL, NULL, 5, '2026-11-27 00:35:05.117751+00', NULL);
INSERT INTO public.observation_versions (observation_uuid, version, exp_uuid, covars, response, responses, sds, status, is_excluded, reason, user_uuid, seq, created_at, failed_because) VALUES ('6a8c65db-25c0-40da-8d3e-08f2c2807f60', 2, '1a19bd61-1259-4966-afa8-606526c40917', '{"x":0.75,"k":3,"color":"red"}', NULL, '{}', '{}', 'failed', true, 'a slip', 'd5c02259-4030-421c-8875-216c9e894751', 12, '2026-11-30 13:36:59.438796+00', NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 3, 'b4232492-17f3-4391-9b4b-83fb7a036cd9', 'cee2e9de-f101-40f5-8226-1f0132950c7d', '{"x": 0.25, "k": 2, "color": "red"}', 1.5, '2026-11-27 00:35:01.785415+00', '{"Response": 1.5}', '{}', 'ok', 1, false, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 5, 'ee9acace-2b50-4cf9-a8c8-e50a7a98141f', NULL, '{"x": 0.1, "k": 0, "color": "green"}', 1, '2026-11-27 00:35:01.968015+00', '{"Response": 1.0}', '{}', 'ok', 1, false, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 8, '5420d41a-df20-4075-b971-30a52c99c58b', NULL, '{"x": 0.35, "k": 1, "color": "green"}', 0.75, '2026-11-27 00:35:04.046084+00', '{"Response": 0.75}', '{}', 'ok', 1, false, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 11, '0f3fc06c-d364-41a9-8712-6a5f4a6ce702', NULL, '{"x": 0.6, "k": 2, "color": "green"}', 0.5, '2026-11-27 00:35:04.332877+00', '{"Response": 0.5}', '{}', 'ok', 1, false, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 3, '80a33f39-baf0-4036-88ee-06c3ff432b61', NULL, '{"x": 0.5, "k": 1, "color": "red"}', 1, '2026-11-27 00:35:05.117751+00', '{"taste": 1.0, "cost": 2.0, "size": 0.75}', '{"taste": 0.1}', 'ok', 2, true, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at, responses, sds, status, version, is_excluded, told_by, failed_because, note, tags, noted_by, noted_at) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 5, '6a8c65db-25c0-40da-8d3e-08f2c2807f60', NULL, '{"x":0.75,"k":3,"color":"red"}', NULL, '2026-11-27 00:35:05.117751+00', '{}', '{}', 'failed', 2, true, 'd5c02259-4030-421c-8875-216c9e894751', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.questions (question_uuid, exp_uuid, kind, body, body_key, data_rev, state, answer, failure, lease_token, lease_by, lease_until, created_at, answered_at, is_long, asked_by, asked_until) VALUES ('3e8a983f-5980-4423-b2ca-66d957906ed6', '1a19bd61-1259-4966-afa8-606526c40917', 'predict', '{"configurations": [{"x": 0.5, "k": 1, "color": "red", "z": 0.5}]}', 'f556784a27b139450a398b68c6ca67a63fbcc3f4623e6bd9b4e23ffd2e01bd84', 3, 'answered', '{"data_rev": 3, "predictions": [{"taste": {"mean": 1.0, "sd": 0.09919702586005097}, "cost": {"mean": 2.0, "sd": 0.005345693342912905}, "size": {"mean": 0.75, "sd": 0.0020046350035923394}}]}', NULL, NULL, NULL, NULL, '2026-11-27 00:35:05.536731+00', '2026-11-27 00:35:05.608789+00', false, NULL, NULL);
INSERT INTO public.questions (question_uuid, exp_uuid, kind, body, body_key, data_rev, state, answer, failure, lease_token, lease_by, lease_until, created_at, answered_at, is_long, asked_by, asked_until) VALUES ('9756366e-e8d2-474b-b1dd-22317e86e723', '1a19bd61-1259-4966-afa8-606526c40917', 'insights', '{}', 'key', 1, 'waiting', NULL, NULL, NULL, NULL, NULL, '2026-11-27 09:38:08.877042+00', NULL, false, NULL, NULL);
INSERT INTO public.questions (question_uuid, exp_uuid, kind, body, body_key, data_rev, state, answer, failure, lease_token, lease_by, lease_until, created_at, answered_at, is_long, asked_by, asked_until) VALUES ('d7798d1b-c602-4ab7-a1c8-79237e791084', '1a19bd61-1259-4966-afa8-606526c40917', 'insights', '{}', 'another key', 1, 'waiting', NULL, NULL, NULL, NULL, NULL, '2026-11-30 13:36:59.462489+00', NULL, false, NULL, NULL);
INSERT INTO public.questions (question_uuid, exp_uuid, kind, body, body_key, data_rev, state, answer, failure, lease_token, lease_by, lease_until, created_at, answered_at, is_long, asked_by, asked_until) VALUES ('441f2286-ab00-4721-864f-f9b9e170cab9', '1a19bd61-1259-4966-afa8-606526c40917', 'insights', '{}', 'key of 0007', 1, 'waiting', NULL, NULL, NULL, NULL, NULL, '2026-11-30 19:43:54.742506+00', NULL, false, 'd5c02259-4030-421c-8875-216c9e894751', '2026-11-30 19:44:04.742506+00');
INSERT INTO public.refresh_tokens (token_hash, user_uuid, expires_at, session_uuid, used_at, next_hash) VALUES ('\x64a8aaeb16f0d79906fce60c51b2a8a5ddd9a39bdc19f292e24634bbbb916e68', 'd5c02259-4030-421c-8875-216c9e894751', '2026-12-27 00:35:00.464555+00', NULL, NULL, NULL);
INSERT INTO public.refused_sign_ins (user_uuid, n, since) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 1, '2026-11-30 19:43:54.75019+00');
INSERT INTO public.reply_parts (user_uuid, hash, text, kept_at) VALUES ('d5c02259-4030-421c-8875-216c9e894751', '\x05', '{}', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.reset_codes (code_hash, user_uuid, issued_by, created_at, expires_at) VALUES ('\x02', 'd5c02259-4030-421c-8875-216c9e894751', NULL, '2026-11-30 19:43:54.75019+00', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.sessions (session_uuid, user_uuid, expires_at, is_browser, created_at, ended_because) VALUES ('023b1b00-a04e-453e-bf67-9adbfa4d669e', '1b28613b-abae-420a-8e2d-984a32c77d6e', '2026-11-27 00:35:08.120937+00', true, '2026-11-30 19:43:54.604594+00', NULL);
INSERT INTO public.sign_in_pots (name, used, level, changed_at, signed_in_at) VALUES ('account', 1, 0, '2026-11-30 19:43:54.75019+00', NULL);
INSERT INTO public.spaces (exp_uuid, revision, covars, constraints, backfill, seq, created_at) VALUES ('38927024-51b9-4e7e-8a55-f830404ebedf', 0, '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', '[]', '{}', 1, '2026-11-27 00:35:01.593733+00');
INSERT INTO public.spaces (exp_uuid, revision, covars, constraints, backfill, seq, created_at) VALUES ('4a00703b-a351-484d-9b4a-d4d3527b8077', 0, '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', '[]', '{}', 1, '2026-11-27 00:35:04.939283+00');
INSERT INTO public.spaces (exp_uuid, revision, covars, constraints, backfill, seq, created_at) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 0, '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', '[{"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0}]', '{}', 1, '2026-11-27 00:35:05.064984+00');
INSERT INTO public.spaces (exp_uuid, revision, covars, constraints, backfill, seq, created_at) VALUES ('1a19bd61-1259-4966-afa8-606526c40917', 1, '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}, "z": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}', '[{"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0}]', '{"z": 0.5}', 6, '2026-11-27 00:35:05.232714+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('cee2e9de-f101-40f5-8226-1f0132950c7d', '38927024-51b9-4e7e-8a55-f830404ebedf', 2, 'told', '{"x": 0.25, "k": 2, "color": "red"}', 'guess', 'the guess that the experiment was described with', NULL, NULL, 0, '2026-11-27 00:35:01.593733+00', '{}', NULL, NULL, NULL, 1, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('253d34e4-a2fd-4c2b-b5db-c8d3ea6a12e5', '38927024-51b9-4e7e-8a55-f830404ebedf', 7, 'superseded', '{"x": 0.5424921903759241, "k": 5, "color": "green"}', 'sobol', 'initial design, until 5 configurations are known', NULL, NULL, 2, '2026-11-27 00:35:03.964985+00', '{}', NULL, '0.1.0', 3, 6, 0.08638010199956625, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('c20e4535-b450-489f-8fa0-120e6cb54daf', '38927024-51b9-4e7e-8a55-f830404ebedf', 10, 'superseded', '{"x": 0.4809137936681509, "k": 4, "color": "red"}', 'sobol', 'initial design, until 5 configurations are known', NULL, NULL, 3, '2026-11-27 00:35:04.208641+00', '{}', NULL, '0.1.0', 3, 9, 0.026586289999613655, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('1250f7f0-9e0e-4bbe-9312-7dfa44a4ec98', '38927024-51b9-4e7e-8a55-f830404ebedf', 13, 'leased', '{"x": 0.25496556237339973, "k": 5, "color": "red"}', 'sobol', 'initial design, until 5 configurations are known', NULL, NULL, 4, '2026-11-27 00:35:04.516161+00', '{}', NULL, '0.1.0', 3, 12, 0.024820096000439662, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('d252b503-f9c6-4bae-87bf-e40a9de700a7', '4a00703b-a351-484d-9b4a-d4d3527b8077', 2, 'open', '{"x": 0.25, "k": 2, "color": "red"}', 'guess', 'the guess that the experiment was described with', NULL, NULL, 0, '2026-11-27 00:35:04.939283+00', '{}', NULL, NULL, NULL, 1, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('cf9e5719-2d59-44f3-9368-bc0ed0e762e1', '1a19bd61-1259-4966-afa8-606526c40917', 2, 'superseded', '{"x": 0.25, "k": 2, "color": "red"}', 'guess', 'the guess that the experiment was described with', NULL, NULL, 0, '2026-11-27 00:35:05.064984+00', '{}', NULL, NULL, NULL, 1, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('c8580806-bd39-4201-b90f-3750f773a986', '1a19bd61-1259-4966-afa8-606526c40917', 7, 'open', '{"x": 0.15951291099190712, "k": 0, "color": "green", "z": 0.4040089473128319}', 'sobol', 'initial design, until 5 configurations are known', NULL, NULL, 3, '2026-11-27 00:35:05.386024+00', '{}', NULL, '0.1.0', 5, 6, 0.024098589999994147, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('0eaa44f2-985d-4aba-9609-6e6b9e270471', '1a19bd61-1259-4966-afa8-606526c40917', 8, 'leased', '{"x": 0.00306632649153471, "k": 7, "color": "green", "z": 0.3377783400937915}', 'sobol', 'initial design, until 5 configurations are known', NULL, NULL, 3, '2026-11-27 00:35:05.810345+00', '{}', NULL, '0.1.0', 5, 7, 0.012431567999556137, '{"color": "green"}', 'b1c0d2a81c6839b36839e8d9b273cb17279370ab430e5e3fc8218e2bcaa6373b', NULL, NULL, NULL, NULL);
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at, predictions, acquisition, engine_version, seed, data_seq, seconds, fixed, fixed_key, lease_by, lease_until, abandoned_because, acquisition_kind) VALUES ('ec4666fd-4ad1-448e-8593-c2cb8ab41a74', '38927024-51b9-4e7e-8a55-f830404ebedf', 15, 'open', '{"x": 1.0, "k": 3, "color": "green"}', 'model', 'the highest expected improvement, after 4 observations and with 1 suggestions pending', 0.3888925139672246, 0.16835294684668836, 4, '2026-11-27 00:35:04.803872+00', '{"Response": {"mean": 0.3888925139672246, "sd": 0.16835294684668836}}', 0.13684080374182858, '0.1.0', 3, 14, 0.042270885999641905, '{}', NULL, NULL, NULL, NULL, 'expected_improvement');
INSERT INTO public.tickets (ticket_hash, session_uuid, token_uuid, expires_at) VALUES ('\x04', NULL, 'bcc948d0-00fd-4a4f-bd0c-af555030dfb8', '2026-11-30 19:43:54.75019+00');
INSERT INTO public.users (user_uuid, email, password_hash, is_active, created_at, is_admin, deleted_at, is_verified) VALUES ('d5c02259-4030-421c-8875-216c9e894751', 'test@test.com', '$argon2id$v=19$m=65536,t=3,p=4$0p3jj8ia84PywNLFqPJLmQ$5/TM5CEuNVhNK7PAzSfUd8xJ2hTuAygFcGtFkonwcaQ', true, '2026-11-27 00:34:57.465158+00', false, NULL, true);
INSERT INTO public.users (user_uuid, email, password_hash, is_active, created_at, is_admin, deleted_at, is_verified) VALUES ('1b28613b-abae-420a-8e2d-984a32c77d6e', 'ada@example.org', '$argon2id$v=19$m=65536,t=3,p=4$FtI2wP6VEJl6bK2iuabbJw$gk1jnkAIaOxljS0G8eFQGbMVHO2v+JNB4ZDmkCxYsqg', true, '2026-11-27 00:35:01.531099+00', false, NULL, true);
SELECT pg_catalog.setval('public.audit_number_seq', 1, true);
SELECT pg_catalog.setval('public.experiments_number_seq', 3, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.answered_requests
    ADD CONSTRAINT answered_requests_pkey PRIMARY KEY (user_uuid, key);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.automation_tokens
    ADD CONSTRAINT automation_tokens_pkey PRIMARY KEY (token_uuid);
ALTER TABLE ONLY public.automation_tokens
    ADD CONSTRAINT automation_tokens_token_hash_key UNIQUE (token_hash);
ALTER TABLE ONLY public.engine_use
    ADD CONSTRAINT engine_use_pkey PRIMARY KEY (user_uuid);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (exp_uuid, seq);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_number_key UNIQUE (number);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_pkey PRIMARY KEY (exp_uuid);
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_pkey PRIMARY KEY (group_uuid, email);
ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_owner_uuid_name_key UNIQUE (owner_uuid, name);
ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (group_uuid);
ALTER TABLE ONLY public.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (code_hash);
ALTER TABLE ONLY public.kept_replies
    ADD CONSTRAINT kept_replies_pkey PRIMARY KEY (user_uuid, hour);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_exp_uuid_email_key UNIQUE (exp_uuid, email);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_exp_uuid_group_uuid_key UNIQUE (exp_uuid, group_uuid);
ALTER TABLE ONLY public.observation_versions
    ADD CONSTRAINT observation_versions_pkey PRIMARY KEY (observation_uuid, version);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_observation_uuid_key UNIQUE (observation_uuid);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (exp_uuid, seq);
ALTER TABLE ONLY public.questions
    ADD CONSTRAINT questions_exp_uuid_kind_body_key_key UNIQUE (exp_uuid, kind, body_key);
ALTER TABLE ONLY public.questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (question_uuid);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.refused_sign_ins
    ADD CONSTRAINT refused_sign_ins_pkey PRIMARY KEY (user_uuid);
ALTER TABLE ONLY public.reply_parts
    ADD CONSTRAINT reply_parts_pkey PRIMARY KEY (user_uuid, hash);
ALTER TABLE ONLY public.reset_codes
    ADD CONSTRAINT reset_codes_pkey PRIMARY KEY (code_hash);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (session_uuid);
ALTER TABLE ONLY public.sign_in_pots
    ADD CONSTRAINT sign_in_pots_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.spaces
    ADD CONSTRAINT spaces_pkey PRIMARY KEY (exp_uuid, revision);
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_exp_uuid_seq_key UNIQUE (exp_uuid, seq);
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_pkey PRIMARY KEY (suggestion_uuid);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (ticket_hash);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_uuid);
CREATE INDEX answered_requests_by_age ON public.answered_requests USING btree (created_at);
CREATE INDEX audit_of_account ON public.audit USING btree (account_uuid, number) WHERE (account_uuid IS NOT NULL);
CREATE INDEX audit_of_experiment ON public.audit USING btree (exp_uuid, number) WHERE (exp_uuid IS NOT NULL);
CREATE INDEX audit_of_user ON public.audit USING btree (user_uuid, number);
CREATE INDEX automation_tokens_of_user ON public.automation_tokens USING btree (user_uuid);
CREATE INDEX experiments_claimed ON public.experiments USING btree (owner_uuid) WHERE (lease_token IS NOT NULL);
CREATE INDEX experiments_of_owner ON public.experiments USING btree (owner_uuid, number DESC);
CREATE INDEX experiments_with_work ON public.experiments USING btree (fitted_at) WHERE ((state = 'active'::text) AND (stopped IS NULL) AND ((data_rev > fit_rev) OR (n_open < n_wanted)));
CREATE INDEX group_members_by_email ON public.group_members USING btree (email);
CREATE INDEX members_by_email ON public.members USING btree (email) WHERE (email IS NOT NULL);
CREATE INDEX members_by_group ON public.members USING btree (group_uuid) WHERE (group_uuid IS NOT NULL);
CREATE UNIQUE INDEX observation_of_suggestion ON public.observations USING btree (suggestion_uuid) WHERE (suggestion_uuid IS NOT NULL);
CREATE INDEX observation_versions_of_experiment ON public.observation_versions USING btree (exp_uuid, seq);
CREATE INDEX observations_of_suggestion ON public.observations USING btree (suggestion_uuid) WHERE (suggestion_uuid IS NOT NULL);
CREATE INDEX questions_asked_by ON public.questions USING btree (asked_by);
CREATE INDEX questions_waiting ON public.questions USING btree (created_at) WHERE (state = 'waiting'::text);
CREATE INDEX refresh_tokens_by_age ON public.refresh_tokens USING btree (expires_at);
CREATE INDEX refresh_tokens_by_session ON public.refresh_tokens USING btree (session_uuid);
CREATE INDEX refresh_tokens_of_user ON public.refresh_tokens USING btree (user_uuid);
CREATE INDEX reply_parts_by_age ON public.reply_parts USING btree (kept_at);
CREATE INDEX reset_codes_of_user ON public.reset_codes USING btree (user_uuid);
CREATE INDEX sessions_by_age ON public.sessions USING btree (expires_at);
CREATE INDEX sessions_of_user ON public.sessions USING btree (user_uuid);
CREATE INDEX sign_in_pots_by_age ON public.sign_in_pots USING btree (changed_at);
CREATE INDEX suggestions_abandoned ON public.suggestions USING btree (exp_uuid, data_rev) WHERE (state = 'abandoned'::text);
CREATE INDEX suggestions_leased ON public.suggestions USING btree (lease_until) WHERE (state = 'leased'::text);
CREATE INDEX suggestions_pending ON public.suggestions USING btree (exp_uuid, seq) WHERE (state = ANY (ARRAY['open'::text, 'leased'::text]));
CREATE INDEX users_by_age ON public.users USING btree (created_at, user_uuid);
CREATE INDEX users_to_delete ON public.users USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER audit_stays BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_change_audit();
ALTER TABLE ONLY public.answered_requests
    ADD CONSTRAINT answered_requests_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.automation_tokens
    ADD CONSTRAINT automation_tokens_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.engine_use
    ADD CONSTRAINT engine_use_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_owner_uuid_fkey FOREIGN KEY (owner_uuid) REFERENCES public.users(user_uuid);
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_group_uuid_fkey FOREIGN KEY (group_uuid) REFERENCES public.groups(group_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_owner_uuid_fkey FOREIGN KEY (owner_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.kept_replies
    ADD CONSTRAINT kept_replies_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_group_uuid_fkey FOREIGN KEY (group_uuid) REFERENCES public.groups(group_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.observation_versions
    ADD CONSTRAINT observation_versions_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.observation_versions
    ADD CONSTRAINT observation_versions_observation_uuid_fkey FOREIGN KEY (observation_uuid) REFERENCES public.observations(observation_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_suggestion_uuid_fkey FOREIGN KEY (suggestion_uuid) REFERENCES public.suggestions(suggestion_uuid);
ALTER TABLE ONLY public.questions
    ADD CONSTRAINT questions_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_uuid_fkey FOREIGN KEY (session_uuid) REFERENCES public.sessions(session_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.refused_sign_ins
    ADD CONSTRAINT refused_sign_ins_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.reply_parts
    ADD CONSTRAINT reply_parts_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.reset_codes
    ADD CONSTRAINT reset_codes_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.spaces
    ADD CONSTRAINT spaces_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_session_uuid_fkey FOREIGN KEY (session_uuid) REFERENCES public.sessions(session_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_token_uuid_fkey FOREIGN KEY (token_uuid) REFERENCES public.automation_tokens(token_uuid) ON DELETE CASCADE;
