with

source as (

    select * from {{ source('inbox', 'load_audits') }}

),

renamed as (

    select
        audit_key,
        refresh_id,
        source,
        object,
        scope,
        {{ utc('window_from') }} as window_from,
        {{ utc('window_to') }} as window_to,
        api_count,
        extracted,
        loaded,
        rejected,
        deleted,
        acl_gap,
        status,
        message,
        {{ utc('finished_at') }} as finished_at

    from source

)

select * from renamed
