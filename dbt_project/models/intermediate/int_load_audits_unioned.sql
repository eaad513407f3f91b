with

final as (

    select * from {{ ref('stg_jira__load_audits') }}
    union all
    select * from {{ ref('stg_github__load_audits') }}
    union all
    select * from {{ ref('stg_jenkins__load_audits') }}
    union all
    select * from {{ ref('stg_gitlab__load_audits') }}
    union all
    select * from {{ ref('stg_servicenow__load_audits') }}
    union all
    select * from {{ ref('stg_inbox__load_audits') }}

)

select * from final
