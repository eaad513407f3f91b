with

final as (

    select * from {{ ref('stg_load_audits') }}

)

select * from final
