with

sources as (

    {% for name, title in source_systems() %}
        select
            audit_key,
            refresh_id,
            source,
            object,
            scope,
            window_from,
            window_to,
            api_count,
            extracted,
            loaded,
            rejected,
            deleted,
            acl_gap,
            status,
            message,
            finished_at

        from {{ source(name, 'load_audits') }}

        {% if not loop.last %}union all{% endif %}
    {% endfor %}

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

    from sources

)

select * from renamed
