select
    audit_key,
    source,
    object,
    scope,
    api_count,
    extracted

from {{ ref('load_audits') }}

where
    status = 'complete'
    and api_count is not null
    and extracted + coalesce(rejected, 0) + coalesce(acl_gap, 0)
    < api_count - case when source = 'jira' then greatest(5, 0.005 * api_count) else 0 end
